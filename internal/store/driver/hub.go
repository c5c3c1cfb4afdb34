package driver

import (
	"sync"

	"squall/internal/store"
)

// Hub passes wake-ups to the sleepers of one process. It never blocks: a
// sleeper that has a signal waiting does not get a second one.
type Hub struct {
	mu       sync.Mutex
	sleepers map[store.Topic]map[chan struct{}]struct{}
}

// NewHub returns a hub without sleepers.
func NewHub() *Hub { return &Hub{sleepers: map[store.Topic]map[chan struct{}]struct{}{}} }

// Subscribe returns a channel for topic and the function that ends it.
func (h *Hub) Subscribe(topic store.Topic) (c <-chan struct{}, stop func()) {
	ch := make(chan struct{}, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sleepers[topic] == nil {
		h.sleepers[topic] = map[chan struct{}]struct{}{}
	}
	h.sleepers[topic][ch] = struct{}{}
	return ch, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.sleepers[topic], ch)
	}
}

// Wake signals the sleepers of one topic.
func (h *Hub) Wake(topic store.Topic) {
	h.mu.Lock()
	defer h.mu.Unlock()
	signal(h.sleepers[topic])
}

// WakeAll signals every sleeper, for when signals may have been lost.
func (h *Hub) WakeAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, sleepers := range h.sleepers {
		signal(sleepers)
	}
}

func signal(sleepers map[chan struct{}]struct{}) {
	for ch := range sleepers {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

// Topics collects the topics one transaction wakes, each once, without
// allocating for the usual one to three.
type Topics []store.Topic

// Add adds topic.
func (t *Topics) Add(topic store.Topic) {
	for _, have := range *t {
		if have == topic {
			return
		}
	}
	*t = append(*t, topic)
}
