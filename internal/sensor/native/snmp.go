package native

import (
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gosnmp/gosnmp"

	"squall/internal/sensor"
	"squall/internal/squall"
)

type trapConfig struct {
	Listen    string `json:"listen"`    // 127.0.0.1:1162
	Community string `json:"community"` // only traps of versions 1 and 2c with it; empty: any
	// Version 3: the user and how he proves and hides.
	User         string `json:"user"`
	AuthProtocol string `json:"auth_protocol"` // MD5, SHA, SHA256, SHA512
	AuthPassword string `json:"auth_password"`
	PrivProtocol string `json:"priv_protocol"` // DES, AES, AES256
	PrivPassword string `json:"priv_password"`
}

// receiveTraps receives SNMP traps and informs of versions 1, 2c and 3:
// {"from": ..., "version": "2c", "trap": OID, "variables": {OID: value}, ...}.
func receiveTraps(ctx context.Context, job *sensor.NativeJob) error {
	c := trapConfig{Listen: "127.0.0.1:1162"}
	if err := configure(job, &c); err != nil {
		return err
	}
	params, err := c.parameters()
	if err != nil {
		return err
	}
	q := newQueue(job)
	l := gosnmp.NewTrapListener()
	l.Params = params
	l.OnNewTrap = func(p *gosnmp.SnmpPacket, from *net.UDPAddr) {
		if p.Version != gosnmp.Version3 && c.Community != "" && p.Community != c.Community {
			return
		}
		q.offer(trapPayload(p, from.String()))
	}
	ended := make(chan error, 1)
	go func() { ended <- l.Listen(c.Listen) }()
	select {
	case <-l.Listening():
	case err := <-ended:
		return fmt.Errorf("listen for traps on %s: %w", c.Listen, err)
	}
	defer func() {
		l.Close()
		<-ended //nolint:errcheck // it was told to
	}()
	job.Ready()
	return q.drain(ctx)
}

func (c *trapConfig) parameters() (*gosnmp.GoSNMP, error) {
	p := &gosnmp.GoSNMP{Transport: "udp", Version: gosnmp.Version2c, Community: c.Community, Timeout: 2 * time.Second, MaxOids: gosnmp.MaxOids}
	if c.User == "" {
		return p, nil
	}
	auth, authOK := map[string]gosnmp.SnmpV3AuthProtocol{"": gosnmp.NoAuth, "MD5": gosnmp.MD5, "SHA": gosnmp.SHA, "SHA256": gosnmp.SHA256, "SHA512": gosnmp.SHA512}[strings.ToUpper(c.AuthProtocol)]
	priv, privOK := map[string]gosnmp.SnmpV3PrivProtocol{"": gosnmp.NoPriv, "DES": gosnmp.DES, "AES": gosnmp.AES, "AES256": gosnmp.AES256}[strings.ToUpper(c.PrivProtocol)]
	if !authOK || !privOK {
		return nil, squall.Errorf(squall.Invalid, "configuration: auth_protocol is one of MD5, SHA, SHA256, SHA512, priv_protocol one of DES, AES, AES256")
	}
	p.Version, p.SecurityModel, p.MsgFlags = gosnmp.Version3, gosnmp.UserSecurityModel, gosnmp.NoAuthNoPriv
	switch {
	case c.PrivProtocol != "":
		p.MsgFlags = gosnmp.AuthPriv
	case c.AuthProtocol != "":
		p.MsgFlags = gosnmp.AuthNoPriv
	}
	p.SecurityParameters = &gosnmp.UsmSecurityParameters{
		UserName: c.User, AuthenticationProtocol: auth, AuthenticationPassphrase: c.AuthPassword,
		PrivacyProtocol: priv, PrivacyPassphrase: c.PrivPassword,
	}
	return p, nil
}

// trapOID names the variable that says which trap it is (RFC 3416).
const trapOID = "1.3.6.1.6.3.1.1.4.1.0"

func trapPayload(p *gosnmp.SnmpPacket, from string) map[string]any {
	variables := map[string]any{}
	out := map[string]any{"from": from, "version": p.Version.String(), "variables": variables}
	for _, v := range p.Variables {
		name := strings.TrimPrefix(v.Name, ".")
		if name == trapOID {
			if oid, ok := v.Value.(string); ok {
				out["trap"] = strings.TrimPrefix(oid, ".")
			}
		}
		variables[name] = trapValue(v)
	}
	if p.Version == gosnmp.Version1 {
		enterprise := strings.TrimPrefix(p.Enterprise, ".")
		out["enterprise"], out["agent"], out["generic"], out["specific"] = enterprise, p.AgentAddress, p.GenericTrap, p.SpecificTrap
		out["trap"] = enterprise + ".0." + strconv.Itoa(p.SpecificTrap) // as RFC 3584 translates it
		if p.GenericTrap < 6 {
			out["trap"] = "1.3.6.1.6.3.1.1.5." + strconv.Itoa(p.GenericTrap+1)
		}
	}
	return out
}

func trapValue(v gosnmp.SnmpPDU) any {
	switch x := v.Value.(type) {
	case []byte:
		if utf8.Valid(x) {
			return string(x)
		}
		return hex.EncodeToString(x)
	case string:
		if v.Type == gosnmp.ObjectIdentifier {
			return strings.TrimPrefix(x, ".")
		}
		return x
	default:
		return x
	}
}
