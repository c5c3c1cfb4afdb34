package sensor

import (
	"bytes"
	"encoding/json"
	"slices"

	"squall/internal/squall"
)

// spec is one sensor to run: a registered sensor, or one of its instances.
type spec struct {
	squall.Sensor
	name   string          // "pack.Class", or "pack.Class:instance"
	config json.RawMessage // of the instance, over the pack's; nil: none
}

// specs returns what is to run of a registered sensor.
func specs(s *squall.Sensor) (list []spec) {
	if !s.Enabled {
		return nil
	}
	if len(s.Instances) == 0 {
		return []spec{{Sensor: *s, name: s.Ref.String(), config: s.Config}}
	}
	for _, i := range s.Instances {
		if i.Enabled {
			list = append(list, spec{Sensor: *s, name: s.Ref.String() + ":" + i.Name, config: i.Config})
		}
	}
	return list
}

// same reports whether a sensor that runs as a need not be started again to run as b.
func (a spec) same(b spec) bool {
	return a.name == b.name && a.RunnerType == b.RunnerType && a.ClassName == b.ClassName && a.EntryPoint == b.EntryPoint &&
		a.PollInterval == b.PollInterval && slices.Equal(a.TriggerTypes, b.TriggerTypes) && bytes.Equal(a.config, b.config)
}

// merged returns the configuration of the pack with that of the instance over it.
func merged(pack, own json.RawMessage) (json.RawMessage, error) {
	all := map[string]json.RawMessage{}
	for _, doc := range []json.RawMessage{pack, own} {
		if len(doc) == 0 {
			continue
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(doc, &members); err != nil {
			return nil, squall.Errorf(squall.Invalid, "the configuration is no object: %w", err)
		}
		for name, v := range members {
			all[name] = v
		}
	}
	return json.Marshal(all)
}
