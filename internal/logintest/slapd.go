package logintest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Slapd is a real directory server on the loopback interface, with people,
// groups and groups in groups.
type Slapd struct {
	Plain, TLS string // addresses
	Roots      *tls.Config
	CAFile     string // the roots as a file
	Stop       func()
}

// people is what the directory holds. Everybody's password is the name and
// "-secret".
const people = `dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
o: example
dc: example

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=example,dc=org
objectClass: organizationalUnit
ou: groups

dn: cn=reader,dc=example,dc=org
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: reader-secret

dn: uid=ann,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: ann
cn: Ann Example
sn: Example
mail: ann@example.org
userPassword: ann-secret

dn: uid=bob,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: bob
cn: Bob (the (builder)*
sn: Example
mail: shared@example.org
userPassword: bob-secret

dn: uid=eve,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: eve
cn: Eve
sn: Example
mail: shared@example.org

dn: cn=hpc-operators,ou=groups,dc=example,dc=org
objectClass: groupOfNames
cn: hpc-operators
member: uid=ann,ou=people,dc=example,dc=org

dn: cn=hpc,ou=groups,dc=example,dc=org
objectClass: groupOfNames
cn: hpc
member: cn=hpc-operators,ou=groups,dc=example,dc=org
member: cn=everybody,ou=groups,dc=example,dc=org

dn: cn=everybody,ou=groups,dc=example,dc=org
objectClass: groupOfNames
cn: everybody
member: cn=hpc,ou=groups,dc=example,dc=org
member: uid=bob,ou=people,dc=example,dc=org
`

// StartSlapd needs Debian's package slapd.
func StartSlapd(t *testing.T) *Slapd {
	t.Helper()
	program := ""
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/usr/local/sbin") {
		if _, err := os.Stat(filepath.Join(dir, "slapd")); err == nil {
			program = filepath.Join(dir, "slapd")
			break
		}
	}
	if program == "" {
		t.Skip("slapd is not installed: apt-get install slapd (scripts/setup does)")
	}
	dir := t.TempDir()
	cert, key, roots := writeCertificate(t, dir)
	conf := fmt.Sprintf(`
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
moduleload back_mdb
pidfile %[1]s/slapd.pid
argsfile %[1]s/slapd.args
TLSCertificateFile %[2]s
TLSCertificateKeyFile %[3]s
disallow bind_anon
require authc
database mdb
maxsize 10485760
suffix "dc=example,dc=org"
rootdn "cn=root,dc=example,dc=org"
directory %[1]s/db
access to attrs=userPassword by anonymous auth by * none
access to dn.subtree="ou=groups,dc=example,dc=org" by dn.exact="cn=reader,dc=example,dc=org" read by * none
access to * by dn.exact="cn=reader,dc=example,dc=org" read by self read by anonymous auth by * none
`, dir, cert, key)
	file, ldif := filepath.Join(dir, "slapd.conf"), filepath.Join(dir, "people.ldif")
	for path, text := range map[string]string{file: conf, ldif: people} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "db"), 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), program, "-T", "add", "-f", file, "-l", ldif).CombinedOutput(); err != nil {
		t.Fatalf("load the directory: %v\n%s", err, out)
	}
	s := &Slapd{Plain: "ldap://" + FreeAddress(t), TLS: "ldaps://" + FreeAddress(t), Roots: roots, CAFile: cert}
	cmd := exec.CommandContext(t.Context(), program, "-d", "0", "-f", file, "-h", s.Plain+" "+s.TLS)
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	s.Stop = func() {
		if !ended {
			ended = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	t.Cleanup(s.Stop)
	for _, address := range []string{s.Plain, s.TLS} {
		_, hostPort, _ := strings.Cut(address, "://")
		deadline := time.Now().Add(20 * time.Second)
		for {
			conn, err := net.Dial("tcp", hostPort)
			if err == nil {
				_ = conn.Close()
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("slapd does not listen on %s: %s", address, log.String())
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	return s
}

// FreeAddress is an address on which nobody listens.
func FreeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// writeCertificate makes a pair for 127.0.0.1 and the roots that trust it.
func writeCertificate(t *testing.T, dir string) (cert, key string, roots *tls.Config) {
	t.Helper()
	priv, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "slapd"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &priv.PublicKey, priv)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(priv)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, text := range map[string][]byte{cert: certPEM, key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	return cert, key, &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}
