# Makes a root of its own for systemd and becomes that. It runs as the first process of new mount, PID, IPC, UTS and network
# namespaces. $1 is an empty folder for the root, $2 the folder of what goes into /etc/systemd/system and /usr/local/bin,
# $3 the name of a cgroup that the caller removes.
set -e
root=$1 files=$2 group=$3
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$root"

# A cgroup of its own, so that systemd touches no other.
mkdir "$root/cgroup"
mount -t cgroup2 cgroup2 "$root/cgroup"
mkdir "$root/cgroup$group"
echo $$ >"$root/cgroup$group/cgroup.procs"
umount "$root/cgroup"
rmdir "$root/cgroup"

cd "$root"
mkdir -p usr etc/systemd/system etc/directus-ircd proc sys dev run tmp var/lib
for dir in bin sbin lib lib32 lib64 libx32; do
	if [ -L "/$dir" ]; then ln -s "$(readlink "/$dir")" "$dir"; elif [ -d "/$dir" ]; then mkdir "$dir"; mount --bind "/$dir" "$dir"; fi
done
if [ -e "$files/package.deb" ]; then # dpkg puts the program and the units into /usr, as it seems
	mkdir upper work
	mount -t overlay -o "lowerdir=/usr,upperdir=$root/upper,workdir=$root/work" overlay usr
	mkdir -p var/lib/dpkg/info var/lib/dpkg/updates var/lib/dpkg/triggers
	touch var/lib/dpkg/status
	cp "$files/package.deb" .
	rm -f usr/sbin/policy-rc.d # by which container images keep packages from starting anything
else
	mount --bind /usr usr
	mount -o remount,bind,ro usr
	mount -t tmpfs -o mode=755 tmpfs usr/local
	mkdir usr/local/bin
	cp "$files/directus-ircd" usr/local/bin/
	cp "$files"/*.service "$files"/*.socket etc/systemd/system/
fi
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 tmpfs dev
for node in null zero full random urandom tty; do
	touch "dev/$node"
	mount --bind "/dev/$node" "dev/$node"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs tmpfs tmp

cp "$files"/*.target etc/systemd/system/
cp -r "$files"/*.d etc/systemd/system/
printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/usr/sbin/nologin\n' >etc/passwd
printf 'root:x:0:\nnogroup:x:65534:\n' >etc/group
printf 'passwd: files systemd\ngroup: files systemd\nhosts: files dns\n' >etc/nsswitch.conf
echo 0123456789abcdef0123456789abcdef >etc/machine-id

mkdir old
pivot_root . old
umount -l /old
rmdir /old
systemd=/lib/systemd/systemd
[ -x "$systemd" ] || systemd=/usr/lib/systemd/systemd
export container=other
exec unshare --cgroup "$systemd" --system --unit=test.target --log-target=console --show-status=no
