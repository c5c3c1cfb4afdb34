package api

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"

	"squall/internal/api/wire"
	"squall/internal/squall"
	"squall/internal/store"
)

var sensorFields = members("id", "uid", "metadata_file", "name", "ref", "description", "pack", "artifact_uri", "entry_point",
	"trigger_types", "poll_interval", "enabled")

// sensorShape describes what is sent; all but enabled has no effect (st2).
var sensorShape = openShape("SensorTypeRequest", `{"enabled": {"type": "boolean"}}`)

// sensorList lists sensors. Filters: id, name, pack, enabled, trigger (what it
// may report).
func (s *Server) sensorList(w http.ResponseWriter, r *request) error {
	dirs, err := s.packDirs(r)
	if err != nil {
		return err
	}
	return listContent(s, w, r, listing[squall.Sensor]{
		kind: store.Sensors, fields: sensorFields, keep: sensorFilter,
		show: func(sensor *squall.Sensor) any { return wire.SensorOf(sensor, dirs[sensor.Ref.Pack]) },
	})
}

func sensorFilter(q url.Values) (func(*squall.Sensor) bool, error) {
	enabled, err := boolFilter(q, "enabled")
	trigger := q.Get("trigger")
	if err != nil || enabled == nil && trigger == "" {
		return nil, err
	}
	return func(sensor *squall.Sensor) bool {
		return (enabled == nil || sensor.Enabled == *enabled) &&
			(trigger == "" || slices.ContainsFunc(sensor.TriggerTypes, func(t squall.Ref) bool { return t.String() == trigger }))
	}, nil
}

// packDirs returns the directories of the packs.
func (s *Server) packDirs(r *request) (map[string]string, error) {
	packs, err := s.packs(r)
	dirs := make(map[string]string, len(packs))
	for _, p := range packs {
		dirs[p.Ref] = p.Path
	}
	return dirs, err
}

// sensorGet answers with one sensor.
func (s *Server) sensorGet(w http.ResponseWriter, r *request) error {
	sensor, err := nounNamed[squall.Sensor](s, r, store.Sensors, r.params["ref"])
	if err != nil {
		return err
	}
	return s.respondSensor(w, r, sensor)
}

func (s *Server) respondSensor(w http.ResponseWriter, r *request, sensor *squall.Sensor) error {
	dirs, err := s.packDirs(r)
	if err != nil {
		return err
	}
	return respondJSON(w, http.StatusOK, wire.SensorOf(sensor, dirs[sensor.Ref.Pack]))
}

// sensorPut switches a sensor on or off; nothing else of it can be changed (st2).
// A body that does not say which leaves it as it is.
func (s *Server) sensorPut(w http.ResponseWriter, r *request) error {
	body, err := s.readObject(r, true)
	if err != nil {
		return err
	}
	var sensor *squall.Sensor
	err = s.Store.Update(r.Context(), func(tx store.Tx) error {
		c, err := contentNamed(r.Context(), tx, store.Sensors, r.params["ref"])
		if err != nil {
			return err
		}
		if err := checkNotSystem(c.Pack); err != nil {
			return err
		}
		if sensor, err = store.Decode[squall.Sensor](c); err != nil {
			return err
		}
		if v := body.members["enabled"]; !isNull(v) && json.Unmarshal(v, &sensor.Enabled) != nil {
			return squall.Errorf(squall.Invalid, "ValidationError (SensorTypeDB:%s) (BooleanField only accepts boolean values: ['enabled'])", c.ID())
		}
		if err := store.Put(r.Context(), tx, sensor); err != nil {
			return err
		}
		return s.note(tx, r, contentUIDs(store.Sensors, sensor.Ref)[0])
	})
	if err != nil {
		return err
	}
	return s.respondSensor(w, r, sensor)
}

// sensorStates lists how sensors are, and where. It is Squall's own.
func (s *Server) sensorStates(w http.ResponseWriter, r *request) error {
	list := []wire.SensorState{}
	err := s.Store.View(r.Context(), func(tx store.Tx) error {
		states, err := tx.SensorStates(r.Context())
		for _, state := range states {
			list = append(list, sensorState(state))
		}
		return err
	})
	if err != nil {
		return err
	}
	return respondJSON(w, http.StatusOK, list)
}

func sensorState(s *store.SensorState) wire.SensorState {
	doc := wire.SensorState{
		Name: s.Name, Node: s.Node, PID: s.PID, State: s.State, Since: wire.Time{Time: s.Since}, Restarts: s.Restarts, Events: s.Events,
		CPU: s.CPU.Seconds(), RSS: s.RSS, Error: s.Error, UpdatedAt: wire.Time{Time: s.UpdatedAt},
	}
	if !s.LastEventAt.IsZero() {
		doc.LastEventAt = &wire.Time{Time: s.LastEventAt}
	}
	return doc
}
