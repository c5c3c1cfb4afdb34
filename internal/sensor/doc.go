// Package sensor keeps sensors alive: the programs and native sources that watch
// the world and report events.
//
// In flow the registered sensors and the nodes that can run them, out flow events
// through one function, emit, which returns when the event is stored; a sensor is
// not read from meanwhile, so a flood waits in the sensor and not in memory.
//
// In a cluster each sensor runs on exactly one node. Which one, every node works
// out by itself from the list of nodes (assign); a lock per sensor makes sure.
// Who loses its lock stops the sensor before anybody else can have it. A sensor
// that ends is started again, after a pause that grows.
//
// The package decides nothing about events and changes no execution.
package sensor
