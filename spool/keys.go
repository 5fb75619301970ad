package spool

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"platen/fault"
	"platen/internal/fsys"
)

// secretOctets is the length of every secret in the key file, and of every key
// derived from one: AES-256 and HMAC-SHA256.
const secretOctets = 32

// keyIDOctets is the length of a key id; as text it is 16 hexadecimal digits.
const keyIDOctets = 8

// Keys are the node's secrets: one root, from which the keys of the digests are
// derived, and one or more wrapping secrets, of which the first wraps and the
// others still unwrap. Each purpose has its own key, derived with HKDF-SHA256
// (RFC 5869), so that no two uses ever meet. Keys never change once loaded.
type Keys struct {
	file     keyFile
	wrapping map[string]wrapKey
	made     sync.Map // purpose and tenant → what scoped derived, []byte
}

// wrapKey is what one wrapping secret is used for.
type wrapKey struct {
	documents cipher.AEAD // wraps the keys of documents
	titles    cipher.AEAD // seals titles
}

// keyFile is the private file as it is on disk.
type keyFile struct {
	Format   string      `json:"format"`
	Version  int         `json:"version"`
	Root     keySecret   `json:"root"`
	Wrapping []keySecret `json:"wrapping"` // the first wraps, all unwrap
}

// keySecret is one secret and its name.
type keySecret struct {
	ID      string    `json:"id"` // 16 hexadecimal digits
	Created time.Time `json:"created"`
	Secret  []byte    `json:"secret"`
}

const (
	keyFormat  = "platen-keys"
	keyVersion = 1
)

// CreateKeys makes new keys and writes them to path, once: a file that is there
// already is a Conflict, because documents may depend on it.
func CreateKeys(path string) (*Keys, error) {
	const op = "spool.CreateKeys"
	switch _, err := os.Lstat(path); {
	case err == nil:
		return nil, &fault.Error{Op: op, Kind: fault.Conflict, Text: "This node already has keys.", Err: fmt.Errorf("%s exists", path)}
	case !errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	now := time.Now().UTC().Truncate(time.Second)
	k, err := newKeys(keyFile{
		Format: keyFormat, Version: keyVersion,
		Root: newSecret(now), Wrapping: []keySecret{newSecret(now)},
	})
	if err != nil {
		return nil, err
	}
	return k, k.Save(path)
}

// LoadKeys reads the keys of an installed node.
func LoadKeys(path string) (*Keys, error) {
	const op = "spool.LoadKeys"
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, &fault.Error{Op: op, Kind: fault.NotFound, Text: "This node's key file is missing.", Err: err}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	return ImportKeys(data)
}

// ImportKeys reads keys from what Export returned.
func ImportKeys(data []byte) (*Keys, error) {
	const op = "spool.ImportKeys"
	var f keyFile
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return nil, damagedKeys(op, errors.New("not a key file")) // the decoder's words may quote a secret
	}
	if f.Format != keyFormat || f.Version != keyVersion {
		return nil, damagedKeys(op, fmt.Errorf("format %q version %d", f.Format, f.Version))
	}
	return newKeys(f)
}

// Export returns the key file's contents, for a backup that encrypts them.
func (k *Keys) Export() ([]byte, error) {
	data, err := json.MarshalIndent(k.file, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("spool.Export: %w", err)
	}
	return append(data, '\n'), nil
}

// Save writes the keys to path: private, atomic and durable.
func (k *Keys) Save(path string) error {
	data, err := k.Export()
	if err != nil {
		return err
	}
	return fsys.WriteFile(path, data)
}

// Rotated returns the same keys with a new wrapping secret in front: new
// documents and titles use it, the old ones stay readable.
func (k *Keys) Rotated(now time.Time) (*Keys, error) {
	f := k.file
	f.Wrapping = append([]keySecret{newSecret(now.UTC().Truncate(time.Second))}, k.file.Wrapping...)
	return newKeys(f)
}

// ID names these keys. It stays when a wrapping secret is added.
func (k *Keys) ID() string { return k.file.Root.ID }

// wrapID names the secret that wraps now.
func (k *Keys) wrapID() string { return k.file.Wrapping[0].ID }

func damagedKeys(op string, err error) error {
	return &fault.Error{Op: op, Kind: fault.Invalid, Text: "This node's key file is damaged.", Err: err}
}

func newSecret(now time.Time) keySecret {
	id, secret := make([]byte, keyIDOctets), make([]byte, secretOctets)
	rand.Read(id) // never fails: crypto/rand ends the process first
	rand.Read(secret)
	return keySecret{ID: hex.EncodeToString(id), Created: now, Secret: secret}
}

// newKeys checks a key file and derives what is used often.
func newKeys(f keyFile) (*Keys, error) {
	const op = "spool.newKeys"
	if len(f.Wrapping) == 0 {
		return nil, damagedKeys(op, errors.New("no wrapping secret"))
	}
	k := &Keys{file: f, wrapping: make(map[string]wrapKey, len(f.Wrapping))}
	for _, s := range append([]keySecret{f.Root}, f.Wrapping...) {
		if id, err := hex.DecodeString(s.ID); err != nil || len(id) != keyIDOctets || len(s.Secret) != secretOctets {
			return nil, damagedKeys(op, errors.New("a secret or its id has the wrong length"))
		}
	}
	for _, s := range f.Wrapping {
		if _, twice := k.wrapping[s.ID]; twice {
			return nil, damagedKeys(op, fmt.Errorf("wrapping secret %s is there twice", s.ID))
		}
		key, err := newWrapKey(s.Secret)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", op, err)
		}
		k.wrapping[s.ID] = key
	}
	return k, nil
}

func newWrapKey(secret []byte) (wrapKey, error) {
	documents, err := newAEAD(derive(secret, "document key wrap"))
	if err != nil {
		return wrapKey{}, err
	}
	titles, err := newAEAD(derive(secret, "title"))
	return wrapKey{documents, titles}, err
}

// derive returns the key for one purpose; scope divides a purpose further, by
// tenant. It is part of the format: changing it makes every digest and every
// document unreadable.
func derive(secret []byte, purpose string, scope ...string) []byte {
	info := "platen 1 " + purpose
	for _, s := range scope {
		info += fmt.Sprintf("\x00%d:%s", len(s), s)
	}
	key, err := hkdf.Key(sha256.New, secret, nil, info, secretOctets)
	if err != nil {
		panic(err) //nolint:forbidigo // the lengths are constants that hkdf allows, and an empty key must never be used
	}
	return key
}

// newAEAD returns AES-256-GCM under key.
func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// titleVersion begins every sealed title: then the key's id, a random nonce,
// and AES-256-GCM's octets.
const titleVersion = 1

// SealTitle encrypts a title for the database. aad ties it to its row: the same
// aad opens it.
func (k *Keys) SealTitle(plain string, aad []byte) ([]byte, error) {
	id, err := hex.DecodeString(k.wrapID())
	if err != nil {
		return nil, fmt.Errorf("spool.SealTitle: %w", err)
	}
	aead := k.wrapping[k.wrapID()].titles
	out := append([]byte{titleVersion}, id...)
	nonce := make([]byte, aead.NonceSize())
	rand.Read(nonce)
	return aead.Seal(append(out, nonce...), nonce, []byte(plain), aad), nil
}

// OpenTitle is the reverse of SealTitle. A title that was changed, or moved to
// another row, is Invalid.
func (k *Keys) OpenTitle(sealed, aad []byte) (string, error) {
	const op = "spool.OpenTitle"
	bad := func(err error) (string, error) {
		return "", &fault.Error{Op: op, Kind: fault.Invalid, Text: "This title cannot be read.", Err: err}
	}
	head := 1 + keyIDOctets + nonceOctets
	if len(sealed) < head || sealed[0] != titleVersion {
		return bad(errors.New("not a sealed title"))
	}
	id := hex.EncodeToString(sealed[1 : 1+keyIDOctets])
	key, ok := k.wrapping[id]
	if !ok {
		return bad(fmt.Errorf("unknown key %s", id))
	}
	plain, err := key.titles.Open(nil, sealed[head-nonceOctets:head], sealed[head:], aad)
	if err != nil {
		return bad(err)
	}
	return string(plain), nil
}

// CardDigest is the keyed digest of a card number in its one normal form.
func (k *Keys) CardDigest(tenant, number string) []byte {
	return k.digest("card number", tenant, number)
}

// PINDigest is the keyed digest of a PIN, for look-up only: whoever has it and
// the key finds the PIN by trying all of them.
func (k *Keys) PINDigest(tenant, pin string) []byte { return k.digest("pin", tenant, pin) }

// TokenDigest is the keyed digest of a token, an enrolment secret or a session.
func (k *Keys) TokenDigest(token string) []byte { return k.digest("token", "", token) }

func (k *Keys) digest(purpose, tenant, value string) []byte {
	mac := hmac.New(sha256.New, k.scoped(purpose, tenant))
	mac.Write([]byte(value))
	return mac.Sum(nil)
}

// scoped returns a tenant's key for one purpose, derived once: an import asks for it
// hundreds of thousands of times.
func (k *Keys) scoped(purpose, tenant string) []byte {
	at := [2]string{purpose, tenant}
	if key, ok := k.made.Load(at); ok {
		return key.([]byte)
	}
	key, _ := k.made.LoadOrStore(at, derive(k.file.Root.Secret, purpose, tenant))
	return key.([]byte)
}

// documentDigest returns the key under which a tenant's documents are digested.
// It is the same for all of them, so that the same document sent twice is
// noticed, and only those who have the key can tell that two are the same.
func (k *Keys) documentDigest(tenant string) []byte {
	return k.scoped("document digest", tenant)
}

// TenantKeys are the digests of one tenant.
type TenantKeys struct {
	keys   *Keys
	tenant string
}

// Tenant returns the digests of one tenant.
func (k *Keys) Tenant(tenant string) TenantKeys { return TenantKeys{k, tenant} }

// CardDigest is the keyed digest of a card number in its one normal form.
func (t TenantKeys) CardDigest(number string) []byte { return t.keys.CardDigest(t.tenant, number) }

// PINDigest is the keyed digest of a PIN.
func (t TenantKeys) PINDigest(pin string) []byte { return t.keys.PINDigest(t.tenant, pin) }

// SourceKey is the key of digests of what directories say of people.
func (t TenantKeys) SourceKey() []byte {
	return t.keys.scoped("source entry", t.tenant)
}

// TokenDigest is the keyed digest of a token; tokens are not divided by tenant,
// because they say which tenant they belong to.
func (t TenantKeys) TokenDigest(token string) []byte { return t.keys.TokenDigest(token) }
