package squall

import "encoding/json"

// Sensor is a program of a pack that watches something and reports events.
type Sensor struct {
	Ref          Ref     `json:"ref"` // the class name is the name (st2)
	Description  string  `json:"description,omitempty"`
	ClassName    string  `json:"class_name"`
	EntryPoint   string  `json:"entry_point"` // relative to the pack's sensors directory
	Enabled      bool    `json:"enabled"`
	PollInterval float64 `json:"poll_interval,omitempty"` // seconds between polls; 0: the sensor has its own loop
	TriggerTypes []Ref   `json:"trigger_types"`           // what it may report
	MetadataFile string  `json:"metadata_file,omitempty"`

	// RunnerType says what the sensor is: PythonSensor, ProgramSensor, or the name
	// of a source inside the server. StackStorm knows Python only.
	RunnerType string `json:"runner_type,omitempty"`
	// Config is what the sensor finds over its pack's configuration. Instances run
	// the same sensor several times with configurations of their own.
	Config    json.RawMessage  `json:"config,omitempty"`
	Instances []SensorInstance `json:"instances,omitempty"`
}

// SensorInstance is one of several runs of a sensor.
type SensorInstance struct {
	Name    string          `json:"name"`
	Enabled bool            `json:"enabled"`
	Config  json.RawMessage `json:"config,omitempty"`
}

// Runner types of sensors that are no sources inside the server.
const (
	PythonSensor  = ""        // a Python class
	ProgramSensor = "program" // prints one JSON object per line
)
