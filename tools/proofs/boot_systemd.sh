#!/usr/bin/env bash
# What boots systemd in a folder, for proofs: boot_systemd ROOT.
#
# systemd is PID 1 of namespaces of its own, its network among them, and its journal goes to ROOT/var/log/journal.
# The process replaces itself: who runs it in the background has the pid to end it by, and all in it ends then.
# Wants to be root.
set -euo pipefail
root=$1
cgroups=$(findmnt -nt cgroup2 -o TARGET | sed -n 1p)
[[ $cgroups ]] || { echo "boot_systemd: no cgroup2 is mounted here" >&2 && exit 1; }
own=$cgroups/penstock-proof-$$
# In a group of its own below: systemd moves itself, and wants none of its processes beside groups.
mkdir -p "$own/payload"
echo $$ >"$own/payload/cgroup.procs"
mkdir -p "$root/var/log/journal"
# shellcheck disable=SC2016 # the inner shell's own
exec unshare --pid --mount --cgroup --ipc --uts --net --fork --kill-child --propagation private bash -euc '
    root=$1
    mount --bind "$root" "$root"
    mount -t proc proc "$root/proc"
    mount -t tmpfs -o mode=755,nosuid,nodev tmpfs "$root/run"
    mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/tmp"
    mount -t sysfs -o ro sysfs "$root/sys"
    mount -t tmpfs -o mode=755 tmpfs "$root/dev"
    mkdir "$root/dev/pts" "$root/dev/shm"
    for device in null zero full random urandom tty; do
        touch "$root/dev/$device"
        mount --bind "/dev/$device" "$root/dev/$device"
    done
    mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
    ln -s pts/ptmx "$root/dev/ptmx"
    ln -s /proc/self/fd "$root/dev/fd"
    mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
    ip link set lo up
    cd "$root"
    pivot_root . mnt
    umount -l /mnt
    mount --make-rshared / # as whoever starts containers has to: credentials are mounted elsewhere, and seen here by this
    exec env -i container=penstock-proof PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        SYSTEMD_PROC_CMDLINE=systemd.unified_cgroup_hierarchy=1 /lib/systemd/systemd --unit=multi-user.target
' boot_systemd "$root"
