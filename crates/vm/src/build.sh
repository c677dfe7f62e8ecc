# Makes the root file system, in a process and mount namespace of its own.
#   build.sh FOLDER SUITE MIRROR PACKAGES
set -eu
folder=$1 suite=$2 mirror=$3 packages=$4
root=$folder/root

# dpkg syncs every file; in memory that costs nothing. 3 GiB: the root, and room for those who build beside.
room=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB$/\1/p' /proc/meminfo)
if [ "$room" -gt 3145728 ]; then
    mkdir "$folder/memory"
    mount -t tmpfs -o mode=755,size=2g tmpfs "$folder/memory"
    root=$folder/memory/root
fi

debootstrap --variant=minbase --include="$packages" "$suite" "$root" "$mirror"

# The owner of the printer, as the images for printers name it.
chroot "$root" useradd --create-home --uid 1000 --shell /bin/bash pi
# debootstrap copies what this machine has.
echo printer >"$root/etc/hostname"
printf '127.0.0.1 localhost printer\n::1 localhost printer\n' >"$root/etc/hosts"
: >"$root/etc/resolv.conf"
# Tests publish their own packages; nothing is asked of the network, at no hour.
rm -f "$root"/etc/apt/sources.list "$root"/etc/apt/sources.list.d/*
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
chroot "$root" systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
    fstrim.timer console-getty.service
# The journal of the boots before is what a test asks for when something went wrong.
mkdir -p "$root/var/log/journal"

if [ "$root" != "$folder/root" ]; then
    cp -a "$root" "$folder/root"
    umount "$folder/memory"
    rmdir "$folder/memory"
fi
