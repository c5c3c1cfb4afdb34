package backuptest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"squall/internal/sshtest"
)

// TestBootDrill: a drill restores a machine's disk to another host, boots it in
// QEMU, logs in over SSH and looks for a marker that was on the disk when it was
// backed up. How long that took is written down. A machine that boots and does not
// have the marker fails the drill, and the administrators read it.
func TestBootDrill(t *testing.T) {
	if os.Getenv("SQUALL_BACKUP_LONG") == "" {
		t.Skip("SKIPPED: boots machines; make backup-long does it")
	}
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin") // where Debian has what makes file systems
	probe, err := filepath.Abs("../../contrib/backup/boot-probe")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, 2)
	key := filepath.Join(w.dir, "guest-key")
	w.bootable(filepath.Join(w.dir, "hv1", "web.qcow2"), key, "payroll of november\n")
	w.policy()["rto"] = "1h"
	w.configure()
	if e, r := w.backup(nil); e.Status != "succeeded" || r.of("web@hv1").State != "good" {
		t.Fatalf("backup: %s %s", e.Status, e.Result)
	}

	// Software emulation: what there is of the processor's virtualisation differs.
	looksFor := func(marker string) {
		w.conf["drill"] = map[string]any{
			"host": "hv2", "to": w.mkdir("drills"),
			"probe": fmt.Sprintf("env BOOT_ACCEL=tcg BOOT_MEMORY=256 BOOT_TIMEOUT=900 BOOT_KEY=%s BOOT_CHECK=%s %s", key, "'grep \""+marker+"\" /mnt/marker'", probe),
		}
		w.configure()
	}
	looksFor("payroll of november")
	if e := w.srv.run("backup.drill", nil); e.Status != "succeeded" {
		t.Fatalf("drill: %s %s", e.Status, e.Result)
	}
	d := w.srv.keys("backup.drill.")["web@hv1"]
	if seconds, ok := d["seconds"].(float64); d["ok"] != true || d["probed"] != true || !ok || seconds < 1 || d["rto_met"] != true {
		t.Errorf("drill %v", d)
	}
	t.Logf("from the target to a login: %v s", d["seconds"])
	w.mail.mail("Subject: Restore drill succeeded: 1 source", "web@hv1")

	looksFor("payroll of december")
	if e := w.srv.run("backup.drill", nil); e.Status != "failed" {
		t.Errorf("a machine without the marker: drill %s", e.Status)
	}
	if d := w.srv.keys("backup.drill.")["web@hv1"]; d["ok"] != false {
		t.Errorf("drill %v", d)
	}
	w.mail.mail("Subject: Restore drill FAILED", "web@hv1")
	if list, _ := os.ReadDir(filepath.Join(w.dir, "drills")); len(list) != 0 {
		t.Errorf("the drills left %v", list)
	}
}

// bootable makes a disk that boots by itself: a boot loader, Debian's kernel, and a
// small system in its initial memory, which mounts the disk at /mnt and starts an
// SSH server that accepts the key.
func (w *world) bootable(image, key, marker string) {
	w.t.Helper()
	for _, p := range []string{"qemu-system-x86_64", "busybox", "dropbear", "dropbearkey", "cpio", "modprobe", "syslinux", "mcopy", "mkfs.vfat", "ldd"} {
		if _, err := exec.LookPath(p); err != nil {
			w.t.Fatalf("there is no %s; scripts/setup boot installs it", p)
		}
	}
	kernels, _ := filepath.Glob("/boot/vmlinuz-*-cloud-amd64")
	if len(kernels) == 0 {
		w.t.Fatal("there is no kernel for virtual machines; scripts/setup boot installs it")
	}
	kernel := slices.Max(kernels)
	system := w.mkdir("guest")
	for _, dir := range []string{"bin", "modules", "etc/dropbear", "proc", "sys", "dev", "root/.ssh", "mnt", "tmp"} {
		w.mkdir("guest/" + dir)
	}
	programs := []string{w.where("busybox"), w.where("dropbear")}
	for _, p := range programs {
		w.tool("cp", p, filepath.Join(system, "bin"))
	}
	for word := range strings.FieldsSeq(w.tool("ldd", programs[1])) {
		if strings.HasPrefix(word, "/") {
			w.tool("cp", "-L", "--parents", word, system)
		}
	}
	var modules []string
	for _, m := range []string{"virtio_pci", "virtio_blk", "virtio_net", "vfat", "nls_cp437", "nls_ascii", "nls_iso8859-1"} {
		for line := range strings.Lines(w.tool("modprobe", "-S", strings.TrimPrefix(kernel, "/boot/vmlinuz-"), "--show-depends", m)) {
			if f := strings.Fields(line); f[0] == "insmod" && !slices.Contains(modules, f[1]) {
				modules = append(modules, f[1])
			}
		}
	}
	for i, m := range modules {
		w.tool("cp", m, filepath.Join(system, "modules", fmt.Sprintf("%02d.ko", i)))
	}
	w.write("guest/root/.ssh/authorized_keys", string(ssh.MarshalAuthorizedKey(sshtest.WriteKey(w.t, key))))
	w.tool("chmod", "-R", "go=", filepath.Join(system, "root"))
	w.tool("dropbearkey", "-t", "ed25519", "-f", filepath.Join(system, "etc/dropbear/key"))
	w.write("guest/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
	w.write("guest/etc/shells", "/bin/sh\n")
	w.tool("chmod", "+x", w.write("guest/init", `#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for m in /modules/*; do insmod $m; done
ip link set lo up
ip link set eth0 up
ip addr add 10.0.2.15/24 dev eth0
mount -t vfat -o ro /dev/vda /mnt
dropbear -F -E -s -r /etc/dropbear/key
poweroff -f
`))
	initrd := filepath.Join(w.dir, "initrd")
	w.tool("sh", "-c", fmt.Sprintf("cd %s && find . | cpio -o -H newc --quiet -R 0:0 | gzip -1 > %s", system, initrd))

	disk := filepath.Join(w.dir, "disk.raw")
	w.tool("truncate", "-s", "64M", disk)
	w.tool("mkfs.vfat", "-F", "32", disk)
	w.tool("syslinux", "--install", disk)
	conf := w.write("syslinux.cfg", "DEFAULT l\nPROMPT 0\nLABEL l\n KERNEL vmlinuz\n APPEND initrd=initrd console=ttyS0 panic=1\n")
	w.tool("mcopy", "-i", disk, kernel, "::vmlinuz")
	w.tool("mcopy", "-i", disk, initrd, conf, w.write("marker", marker), "::")
	w.tool("qemu-img", "convert", "-O", "qcow2", disk, image)
}

func (w *world) where(program string) string {
	w.t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		w.t.Fatal(err)
	}
	return path
}
