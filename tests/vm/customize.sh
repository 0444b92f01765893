#!/bin/sh
# Makes a bootable server of the system that mmdebstrap has unpacked. Usage: customize.sh ROOT
set -eu
root=$1

echo vm-1 >"$root/etc/hostname"
cat >"$root/etc/fstab" <<'END'
/dev/vda / ext4 defaults 0 1
END
cat >"$root/etc/systemd/network/lab.network" <<'END'
[Match]
Name=en*
[Network]
DHCP=ipv4
LinkLocalAddressing=no
END
# QEMU's own name server, at the address that it always has.
echo 'nameserver 10.0.2.3' >"$root/etc/resolv.conf"

# What differs from run to run (keys, names, whom to trust) comes on a second disk that is nothing but a tar.
cat >"$root/etc/systemd/system/lab-seed.service" <<'END'
[Unit]
Description=Unpack what the lab gives this machine
DefaultDependencies=no
Requires=local-fs.target
After=local-fs.target
Before=sysinit.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/tar --extract --directory=/ --file=/dev/vdb
[Install]
WantedBy=sysinit.target
END

systemctl --root="$root" --quiet enable docker.service lab-seed.service ssh.service systemd-networkd.service
# They would take processor time in the midst of a test.
systemctl --root="$root" --quiet mask \
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
    getty@tty1.service serial-getty@ttyS0.service systemd-networkd-wait-online.service
rm -rf "$root"/var/cache/apt/*.bin "$root"/var/lib/apt/lists/* "$root"/usr/share/doc/* "$root"/usr/share/man/* \
    "$root"/usr/share/locale/*
