"""The lab: a real Engine, registry, model and hosts that reboot, all on this machine."""
