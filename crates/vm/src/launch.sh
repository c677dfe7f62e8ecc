# The first process of a process and mount namespace of its own: whatever is started and mounted here ends with it.
#   launch.sh NAME ROOT FOLDER
set -eu
name=$1 root=$2 folder=$3

# Two machines in one control group would tear at each other's services. 0 is the one who writes.
for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
    if [ -e "$hierarchy/cgroup.procs" ]; then
        mkdir "$hierarchy/$name"
        echo 0 >"$hierarchy/$name/cgroup.procs"
    fi
done

# Every start finds the root as it was built. Nothing needs to survive the host, so nothing is synced (volatile).
mount -t tmpfs -o mode=755 tmpfs "$folder/disk"
mkdir "$folder/disk/upper" "$folder/disk/work" "$folder/disk/root"
mount -t overlay -o "lowerdir=$root,upperdir=$folder/disk/upper,workdir=$folder/disk/work,volatile" \
    overlay "$folder/disk/root"

# What systemd-nspawn expects of a host that runs systemd: its folder in /run, and a system bus.
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/systemd /run/dbus
dbus-daemon --system --fork --nopidfile

while :; do
    status=0
    systemd-nspawn --quiet --boot --directory "$folder/disk/root" --machine "$name" \
        --register=no --keep-unit --console=pipe --resolv-conf=off --timezone=off --link-journal=no || status=$?
    # 133: the machine wants to be started again. The file: its plug was pulled.
    if [ "$status" != 133 ] && ! [ -e "$folder/again" ]; then
        exit "$status"
    fi
    rm -f "$folder/again"
done
