package squall

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
}
