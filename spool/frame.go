package spool

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

// Documents of at most one chunk do not get a file of their own: making,
// syncing and removing a file costs more than storing 64 KiB. They stand one
// behind the other in segments, files of a fixed size that are filled with zeros
// beforehand, each in a frame:
//
//	prefix   64 octets: magic, id of the segment, octets of the image, checksum
//	image    the same octets that a file in docs/ has, from its header to its footer
//	zeros    up to the next multiple of 512
//
// Because of that multiple, prefix, header and key block of a frame are within
// one sector. The segment's id is in every prefix: a segment that is used
// again has another id, and what is left of its former frames is none of its own.
const (
	segmentOctets = 8 << 20
	frameAlign    = 512
	prefixOctets  = 64
)

// Where the fields of a prefix are.
const (
	atFrameMagic = 0  // 8
	atSegment    = 8  // 8, id of the segment
	atImageLen   = 16 // 4
	atPrefixSum  = 20 // 4, CRC-32 (IEEE) of octets 0 to 19
	// 24 to 63 are zero
)

var frameMagic = []byte("PLATENFR")

// frameSpace returns how much of a segment an image takes.
func frameSpace(image int) int64 {
	return (prefixOctets + int64(image) + frameAlign - 1) / frameAlign * frameAlign
}

// putPrefix writes a prefix into b.
func putPrefix(b []byte, segment uint64, image int) {
	clear(b[:prefixOctets])
	copy(b[atFrameMagic:], frameMagic)
	binary.BigEndian.PutUint64(b[atSegment:], segment)
	binary.BigEndian.PutUint32(b[atImageLen:], uint32(image))
	binary.BigEndian.PutUint32(b[atPrefixSum:], crc32.ChecksumIEEE(b[:atPrefixSum]))
}

// parsePrefix returns how long the image behind a prefix of this segment is.
func parsePrefix(b []byte, segment uint64) (image int64, ok bool) {
	if len(b) < prefixOctets || !bytes.HasPrefix(b, frameMagic) ||
		binary.BigEndian.Uint32(b[atPrefixSum:]) != crc32.ChecksumIEEE(b[:atPrefixSum]) ||
		binary.BigEndian.Uint64(b[atSegment:]) != segment {
		return 0, false
	}
	image = int64(binary.BigEndian.Uint32(b[atImageLen:]))
	return image, image >= leastImage && prefixOctets+image <= segmentOctets
}

// leastImage is the shortest that a document can be: an empty chunk, and a
// manifest of nothing.
const leastImage = headerOctets + tagOctets + tagOctets + footerOctets

// place is where a frame is.
type place struct {
	segment uint64
	offset  int64
}

// reference is what a row calls a document in a segment: its name as it would
// be in docs/, and the place.
func reference(name string, p place) string {
	return fmt.Sprintf("%s@%016x:%d", name, p.segment, p.offset)
}

// parseReference takes a row's word apart. For a document with a file of its
// own framed is false.
func parseReference(file string) (name string, p place, framed, ok bool) {
	name, where, framed := strings.Cut(file, "@")
	if _, _, ok := parseName(name); !ok {
		return "", p, false, false
	}
	if !framed {
		return name, p, false, true
	}
	id, offset, _ := strings.Cut(where, ":")
	segment, err := strconv.ParseUint(id, 16, 64)
	if err != nil {
		return "", p, false, false
	}
	at, err := strconv.ParseInt(offset, 10, 64)
	if err != nil || at < 0 || at > segmentOctets || at%frameAlign != 0 {
		return "", p, false, false
	}
	p = place{segment, at}
	return name, p, true, reference(name, p) == file
}

// InLog reports whether a row's word for a document means one in the log: such a
// document, when it is whole, becomes a job again at the next start if its row is
// missing.
func InLog(file string) bool {
	_, _, framed, ok := parseReference(file)
	return framed && ok
}

const segmentSuffix = ".seg"

// segmentName is the name of a segment, within log/.
func segmentName(id uint64) string { return fmt.Sprintf("%016x%s", id, segmentSuffix) }

// parseSegmentName is its reverse.
func parseSegmentName(name string) (id uint64, ok bool) {
	digits, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok {
		return 0, false
	}
	id, err := strconv.ParseUint(digits, 16, 64)
	return id, err == nil && segmentName(id) == name
}
