package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
)

// A document says who it is and how long it is, and the rest follows from its
// id, so that a printer can tell whole, cut and mixed-up documents apart:
//
//	PLATENCHAOS <id> <octets>\n<octets - header pseudo-random octets>
//
// No two documents of a round have the same length, so that a length names one.
const magic = "PLATENCHAOS "

// smallest leaves room for the header.
const smallest = 64

func document(id int, octets int64) []byte {
	head := fmt.Appendf(nil, "%s%d %d\n", magic, id, octets)
	doc := make([]byte, octets)
	n := copy(doc, head)
	fill(doc[n:], id)
	return doc
}

// fill writes the octets that belong to id: xorshift64*, printable so that a
// canary search finds them, and never an escape.
func fill(b []byte, id int) {
	x := uint64(id)*0x9E3779B97F4A7C15 + 1
	var word [8]byte
	for i := range b {
		if i%8 == 0 {
			x ^= x >> 12
			x ^= x << 25
			x ^= x >> 27
			binary.LittleEndian.PutUint64(word[:], x*0x2545F4914F6CDD1D)
		}
		b[i] = 'A' + word[i%8]%26
	}
}

// sighting is one document as a printer saw it.
type sighting struct {
	id     int
	octets int64 // how many of its octets came
	whole  bool  // all of them, and the right ones
	mixed  bool  // octets that are not its own
}

// recognise finds the documents in what one connection delivered. What stands
// around them (job brackets of the printer's language) is left aside.
func recognise(b []byte) []sighting {
	var seen []sighting
	for {
		i := bytes.Index(b, []byte(magic))
		if i < 0 {
			return seen
		}
		b = b[i:]
		nl := bytes.IndexByte(b[:min(len(b), smallest)], '\n')
		if nl < 0 { // cut inside its header: nothing can be said but that something came
			return append(seen, sighting{id: -1, octets: int64(len(b))})
		}
		fields := bytes.Fields(b[len(magic):nl])
		if len(fields) != 2 {
			return append(seen, sighting{id: -1, mixed: true})
		}
		id, err1 := strconv.Atoi(string(fields[0]))
		octets, err2 := strconv.ParseInt(string(fields[1]), 10, 64)
		if err1 != nil || err2 != nil || octets < smallest || octets > 1<<30 {
			return append(seen, sighting{id: -1, mixed: true})
		}
		got := b[:min(int64(len(b)), octets)]
		want := document(id, octets)
		seen = append(seen, sighting{
			id: id, octets: int64(len(got)),
			whole: int64(len(got)) == octets && bytes.Equal(got, want),
			mixed: !bytes.Equal(got, want[:len(got)]),
		})
		b = b[len(got):]
	}
}
