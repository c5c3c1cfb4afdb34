package native

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"time"
	"unicode/utf8"

	"github.com/eclipse/paho.golang/paho"

	"squall/internal/sensor"
	"squall/internal/squall"
)

type mqttConfig struct {
	URL      string   `json:"url"` // mqtt://host:1883 or mqtts://host:8883
	Topics   []string `json:"topics"`
	User     string   `json:"user"`
	Password string   `json:"password"`
	ClientID string   `json:"client_id"` // the sensor's name
}

// subscribeMQTT reports the messages of topics of an MQTT 5 broker:
// {"topic": ..., "payload": ..., "retained": false}. A payload that is JSON is
// given as such, another one as text, or in base64 as "payload_base64". A message
// of quality 1 or 2 is acknowledged when the event is stored, and the broker keeps
// what comes while nobody listens, for a day.
func subscribeMQTT(ctx context.Context, job *sensor.NativeJob) error {
	c := mqttConfig{ClientID: job.Name}
	if err := configure(job, &c); err != nil {
		return err
	}
	if len(c.Topics) == 0 {
		return squall.Errorf(squall.Invalid, "configuration: topics is missing: which ones?")
	}
	conn, err := c.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	client := paho.NewClient(paho.ClientConfig{
		ClientID: c.ClientID, Conn: conn, EnableManualAcknowledgment: true,
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
			err := refused(ctx, job.Log, job.Emit(ctx, "", "", mqttPayload(p.Packet)))
			if err == nil {
				err = p.Client.Ack(p.Packet)
			}
			if err != nil {
				cancel(err)
			}
			return true, nil
		}},
		OnClientError: func(err error) { cancel(err) },
		OnServerDisconnect: func(d *paho.Disconnect) {
			cancel(fmt.Errorf("the broker has ended the connection, reason %d", d.ReasonCode))
		},
	})
	const day = uint32(24 * 60 * 60)
	connect := &paho.Connect{ClientID: c.ClientID, KeepAlive: 30, Properties: &paho.ConnectProperties{SessionExpiryInterval: ptr(day)}}
	if c.User != "" {
		connect.Username, connect.UsernameFlag = c.User, true
		connect.Password, connect.PasswordFlag = []byte(c.Password), true
	}
	starting, stop := context.WithTimeout(ctx, 30*time.Second)
	defer stop()
	if _, err := client.Connect(starting, connect); err != nil {
		return fmt.Errorf("connect to %s: %w", c.URL, err)
	}
	subscribe := &paho.Subscribe{}
	for _, t := range c.Topics {
		subscribe.Subscriptions = append(subscribe.Subscriptions, paho.SubscribeOptions{Topic: t, QoS: 1})
	}
	if _, err := client.Subscribe(starting, subscribe); err != nil {
		return fmt.Errorf("subscribe to %v: %w", c.Topics, err)
	}
	job.Ready()
	<-ctx.Done()
	_ = client.Disconnect(&paho.Disconnect{}) // the connection may be gone
	<-client.Done()
	if cause := context.Cause(ctx); cause != ctx.Err() { //nolint:errorlint // the very same: nobody gave a cause
		return cause
	}
	return nil
}

func ptr[T any](v T) *T { return &v }

func (c *mqttConfig) dial(ctx context.Context) (net.Conn, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" {
		return nil, squall.Errorf(squall.Invalid, "configuration: url is %q; write it as mqtt://host:1883 or mqtts://host:8883", c.URL)
	}
	port := u.Port()
	dialer := &net.Dialer{Timeout: 30 * time.Second}
	switch u.Scheme {
	case "mqtt", "tcp":
		if port == "" {
			port = "1883"
		}
		return dialer.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	case "mqtts", "ssl":
		if port == "" {
			port = "8883"
		}
		secure := &tls.Dialer{NetDialer: dialer, Config: &tls.Config{MinVersion: tls.VersionTLS12, ServerName: u.Hostname()}}
		return secure.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	default:
		return nil, squall.Errorf(squall.Invalid, "configuration: url: the scheme %q is neither mqtt nor mqtts", u.Scheme)
	}
}

func mqttPayload(p *paho.Publish) map[string]any {
	out := map[string]any{"topic": p.Topic, "retained": p.Retain}
	switch {
	case json.Valid(p.Payload):
		out["payload"] = json.RawMessage(p.Payload)
	case utf8.Valid(p.Payload):
		out["payload"] = string(p.Payload)
	default:
		out["payload_base64"] = base64.StdEncoding.EncodeToString(p.Payload)
	}
	return out
}
