package wire

// IndexHealth says whether the index of packs can be read.
type IndexHealth struct {
	Indexes struct {
		Count   int            `json:"count"`
		Valid   int            `json:"valid"`
		Invalid int            `json:"invalid"`
		Errors  map[string]int `json:"errors"`
		Status  []IndexStatus  `json:"status"`
	} `json:"indexes"`
	Packs struct {
		Count int `json:"count"`
	} `json:"packs"`
}

// IndexStatus is what became of reading one index.
type IndexStatus struct {
	Packs   int    `json:"packs"`
	Message string `json:"message"`
	Error   string `json:"error,omitempty"`
}
