"""A virtual machine with its own kernel: what containers as hosts cannot show (cgroup v2, a real boot, a power cut)."""
