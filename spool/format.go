package spool

import (
	"bytes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The layout of a file; numbers are big-endian. docs/spool.md says the same for
// people, and a test holds the two together.
//
//	header    256 octets: identity, then key block
//	chunks    64 KiB of plain document each, the last 0 to 64 KiB, each followed by its tag
//	manifest  sealed JSON and its tag
//	footer    80 octets
//
// All of it is sealed with AES-256-GCM under the document's own key. The nonce
// says what is sealed, which chunk it is and whether it is the last (the STREAM
// construction of Hoang, Reyhanitabar, Rogaway and Vizár); the additional data is
// the identity. The key block is outside of both, so that a document can be
// wrapped for another node without sealing it again.
const (
	headerOctets   = 256
	identityOctets = 128
	footerOctets   = 80
	chunkOctets    = 64 << 10
	tagOctets      = 16
	nonceOctets    = 12

	version = 1
)

// Where the fields of the header are.
const (
	atMagic   = 0  // 8
	atVersion = 8  // 2
	atFlags   = 10 // 2, zero
	atChunk   = 12 // 4, octets of a chunk
	atJob     = 16 // 36, job-uuid as text
	atNumber  = 52 // 4, as in the name of the file
	atTenant  = 56 // 64, UTF-8, filled up with NUL
	// 120 to 127 are zero

	atKeyID   = 128 // 32, text, filled up with NUL; all zero once erased
	atNonce   = 160 // 12
	atWrapped = 172 // 48, the document's key and its tag
	// 220 to 255 are zero

	tenantOctets  = 64
	keyIDSpace    = 32
	wrappedOctets = secretOctets + tagOctets
)

// Where the fields of the footer are.
const (
	atEndMagic    = 0  // 8
	atOctets      = 8  // 8, of the plain document
	atManifestLen = 16 // 4, with its tag
	// 20 to 31 are zero
	atDigest = 32 // 48, the document's keyed digest, sealed, and its tag
)

var (
	magic    = []byte("PLATENSP")
	endMagic = []byte("PLATENEN")
)

// maxManifest bounds what a footer may ask a reader to allocate.
const maxManifest = 1 << 20

// What may be wrong with a file. errCut and errErased say that nothing in it can
// ever be read; the others may be a matter of keys or of a bad disk.
var (
	errCut        = errors.New("the file is incomplete")
	errErased     = errors.New("the document is erased")
	errUnknownKey = errors.New("the file's wrapping key is not among the node's")
	errForged     = errors.New("the file was changed")
	errMisplaced  = errors.New("the file is not the one its name says")
)

// header is what the first octets of a file say.
type header struct {
	Job     string
	Number  int
	Tenant  string
	KeyID   string // "" once erased
	Nonce   [nonceOctets]byte
	Wrapped [wrappedOctets]byte
}

// identity returns the part of the header that everything in the file is bound
// to.
func (h *header) identity() []byte {
	b := make([]byte, identityOctets)
	copy(b[atMagic:], magic)
	binary.BigEndian.PutUint16(b[atVersion:], version)
	binary.BigEndian.PutUint32(b[atChunk:], chunkOctets)
	copy(b[atJob:], h.Job)
	binary.BigEndian.PutUint32(b[atNumber:], uint32(h.Number))
	copy(b[atTenant:], h.Tenant)
	return b
}

func (h *header) marshal() []byte {
	b := make([]byte, headerOctets)
	copy(b, h.identity())
	copy(b[atKeyID:], h.KeyID)
	copy(b[atNonce:], h.Nonce[:])
	copy(b[atWrapped:], h.Wrapped[:])
	return b
}

// parseHeader reads a header and accepts nothing that marshal would not write.
func parseHeader(b []byte) (header, error) {
	if len(b) < headerOctets || !bytes.HasPrefix(b, magic) {
		return header{}, errCut
	}
	b = b[:headerOctets]
	if v := binary.BigEndian.Uint16(b[atVersion:]); v != version {
		return header{}, fmt.Errorf("%w: version %d", errForged, v)
	}
	h := header{
		Job:    string(b[atJob : atJob+uuidOctets]),
		Number: int(binary.BigEndian.Uint32(b[atNumber:])),
		Tenant: string(bytes.TrimRight(b[atTenant:atTenant+tenantOctets], "\x00")),
		KeyID:  string(bytes.TrimRight(b[atKeyID:atKeyID+keyIDSpace], "\x00")),
	}
	copy(h.Nonce[:], b[atNonce:])
	copy(h.Wrapped[:], b[atWrapped:])
	if !isUUID(h.Job) || !isNumber(h.Number) || !isTenant(h.Tenant) || !bytes.Equal(h.marshal(), b) {
		return header{}, fmt.Errorf("%w: header", errForged)
	}
	if h.KeyID == "" {
		return h, errErased
	}
	return h, nil
}

// wrap puts the document's key into the header.
func (h *header) wrap(keys *Keys, key []byte, nonce []byte) {
	h.KeyID = keys.wrapID()
	copy(h.Nonce[:], nonce)
	keys.wrapping[h.KeyID].documents.Seal(h.Wrapped[:0], nonce, key, h.wrapData())
}

// unwrap returns the cipher of the document.
func (h *header) unwrap(keys *Keys) (cipher.AEAD, error) {
	by, ok := keys.wrapping[h.KeyID]
	if !ok {
		return nil, fmt.Errorf("%w: %q", errUnknownKey, h.KeyID)
	}
	key, err := by.documents.Open(nil, h.Nonce[:], h.Wrapped[:], h.wrapData())
	if err != nil {
		return nil, fmt.Errorf("%w: key block", errForged)
	}
	return newAEAD(key)
}

func (h *header) wrapData() []byte { return append(h.identity(), h.KeyID...) }

// footer is what the last octets of a file say.
type footer struct {
	Octets   int64 // of the plain document
	Manifest int   // octets of the sealed manifest
	Digest   []byte
}

// chunks returns how many chunks a document has; an empty one has one, empty.
func (f *footer) chunks() int64 { return max(1, (f.Octets+chunkOctets-1)/chunkOctets) }

// manifestAt returns where the sealed manifest begins.
func (f *footer) manifestAt() int64 { return headerOctets + f.Octets + f.chunks()*tagOctets }

// size returns how long the whole file is.
func (f *footer) size() int64 { return f.manifestAt() + int64(f.Manifest) + footerOctets }

func (f *footer) plain() []byte {
	b := make([]byte, atDigest, footerOctets)
	copy(b[atEndMagic:], endMagic)
	binary.BigEndian.PutUint64(b[atOctets:], uint64(f.Octets))
	binary.BigEndian.PutUint32(b[atManifestLen:], uint32(f.Manifest))
	return b
}

func (f *footer) seal(aead cipher.AEAD, identity []byte) []byte {
	b := f.plain()
	return aead.Seal(b, endNonce(sealedFooter), f.Digest, footerData(identity, b))
}

// footerData is what the sealed part of a footer is bound to: the file it is in
// and the open part.
func footerData(identity, b []byte) []byte { return slices.Concat(identity, b[:atDigest]) }

// parseFooter reads the last octets of a file that is size octets long, without
// looking at what is sealed.
func parseFooter(b []byte, size int64) (footer, error) {
	if len(b) != footerOctets || !bytes.HasPrefix(b, endMagic) {
		return footer{}, errCut
	}
	octets := binary.BigEndian.Uint64(b[atOctets:])
	manifest := binary.BigEndian.Uint32(b[atManifestLen:])
	if octets > uint64(size) || manifest > maxManifest || manifest < tagOctets {
		return footer{}, errCut
	}
	f := footer{Octets: int64(octets), Manifest: int(manifest)}
	if f.size() != size || !bytes.Equal(f.plain(), b[:atDigest]) {
		return footer{}, errCut
	}
	return f, nil
}

// open authenticates the footer and fills in the digest.
func (f *footer) open(b []byte, aead cipher.AEAD, identity []byte) error {
	digest, err := aead.Open(nil, endNonce(sealedFooter), b[atDigest:], footerData(identity, b))
	if err != nil {
		return fmt.Errorf("%w: footer", errForged)
	}
	f.Digest = digest
	return nil
}

// What a nonce is for: its first octet.
const (
	sealedChunk    = 1
	sealedManifest = 2
	sealedFooter   = 3
)

// endNonce is the nonce of manifest and footer.
func endNonce(what byte) []byte {
	b := make([]byte, nonceOctets)
	fillNonce(b, what, 0, true)
	return b
}

// fillNonce writes kind (1), zero (6), number of the chunk (4), last (1). Under
// a document's key no nonce comes twice, because each file is written once. 2^32
// chunks are 256 TiB, far beyond the largest job.
func fillNonce(b []byte, what byte, chunk int64, last bool) {
	b[0] = what
	binary.BigEndian.PutUint32(b[7:], uint32(chunk))
	b[11] = 0
	if last {
		b[11] = 1
	}
}

const uuidOctets = 36

// isUUID accepts the one spelling that job.NewUUID writes.
func isUUID(s string) bool {
	if len(s) != uuidOctets {
		return false
	}
	for i, c := range []byte(s) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (c == '-') || !dash && !strings.ContainsRune("0123456789abcdef", rune(c)) {
			return false
		}
	}
	return true
}

const maxNumber = 9999

func isNumber(n int) bool { return n >= 1 && n <= maxNumber }

func isTenant(s string) bool {
	return s != "" && len(s) <= tenantOctets && utf8.ValidString(s) && !strings.ContainsRune(s, 0)
}

const suffix = ".doc"

// fileName is the name of a document's file, within docs/.
func fileName(jobUUID string, number int) string {
	return jobUUID + "-" + strconv.Itoa(number) + suffix
}

// parseName is the reverse of fileName. A name that it accepts has no path in
// it.
func parseName(name string) (jobUUID string, number int, ok bool) {
	rest, ok := strings.CutSuffix(name, suffix)
	if !ok || len(rest) < uuidOctets+2 || rest[uuidOctets] != '-' {
		return "", 0, false
	}
	number, err := strconv.Atoi(rest[uuidOctets+1:])
	jobUUID = rest[:uuidOctets]
	if err != nil || !isUUID(jobUUID) || !isNumber(number) || fileName(jobUUID, number) != name {
		return "", 0, false
	}
	return jobUUID, number, true
}
