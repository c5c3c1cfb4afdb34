// Package storetest is the one suite that both drivers of package store pass.
// A driver is finished when Run passes; a sentence of the contract that has no
// test here is not a promise.
package storetest
