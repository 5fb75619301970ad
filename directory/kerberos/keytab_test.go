package kerberos

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"platen/fault"
)

func TestInspect(t *testing.T) {
	_, b := newKeytab(t, 7, []int32{18, 23}, service, "host/print.platen.test")
	entries, err := Inspect(b)
	if err != nil || len(entries) != 4 {
		t.Fatalf("%+v, %v", entries, err)
	}
	for i, want := range []Entry{
		{Principal: "HTTP/print.platen.test@PLATEN.TEST", KVNO: 7, Enctype: "aes256-cts-hmac-sha1-96", Usable: true},
		{Principal: "HTTP/print.platen.test@PLATEN.TEST", KVNO: 7, Enctype: "arcfour-hmac", Weak: true, Usable: true},
	} {
		got := entries[i]
		if got.Time.IsZero() {
			t.Error("no time")
		}
		got.Time = want.Time
		if got != want {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
	if w := Warnings(entries); len(w) != 0 {
		t.Errorf("%+v", w)
	}
	shown, _ := json.Marshal(entries)
	keys, _ := parseKeytab(b)
	for _, k := range keys {
		if bytes.Contains(shown, k.value) {
			t.Error("a key is shown")
		}
	}
}

func TestWarnings(t *testing.T) {
	tests := map[string]struct {
		etypes     []int32
		principals []string
		want       []string // of the sentences
	}{
		"good":        {[]int32{18, 23}, []string{service}, nil},
		"RC4":         {[]int32{23}, []string{service, "HTTP/localhost"}, []string{"weak", "weak"}},
		"DES":         {[]int32{16}, []string{service}, []string{"weak"}},
		"the account": {[]int32{18}, []string{"svc-print"}, []string{"web service"}},
		"small":       {[]int32{18}, []string{"http/print"}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, b := newKeytab(t, 1, tt.etypes, tt.principals...)
			entries, err := Inspect(b)
			if err != nil {
				t.Fatal(err)
			}
			got := Warnings(entries)
			if len(got) != len(tt.want) {
				t.Fatalf("%+v", got)
			}
			for i, w := range got {
				if !strings.Contains(w.Text, tt.want[i]) || strings.Count(w.Text, "%s") != len(w.Args) {
					t.Errorf("%+v", w)
				}
			}
		})
	}
}

func TestKeytabs(t *testing.T) {
	_, good := newKeytab(t, 1, []int32{18}, service)
	change := func(f func([]byte) []byte) []byte { return f(slices.Clone(good)) }
	tests := map[string]struct {
		b    []byte
		keys int // 0: refused
	}{
		"good":  {good, 1},
		"twice": {change(func(b []byte) []byte { return append(b, good[2:]...) }), 2},
		"a hole": {change(func(b []byte) []byte {
			return append(b, append([]byte{0xFF, 0xFF, 0xFF, 0xFC, 1, 2, 3, 4}, good[2:]...)...)
		}), 2},
		"zeros behind": {change(func(b []byte) []byte { return append(b, 0, 0, 0, 0, 9, 9) }), 1},
		"long KVNO": {change(func(b []byte) []byte {
			binary.BigEndian.PutUint32(b[len(b)-4:], 70000)
			return b
		}), 1},
		"empty":          {nil, 0},
		"no entries":     {[]byte{5, 2}, 0},
		"version 1":      {change(func(b []byte) []byte { b[1] = 1; return b }), 0},
		"cut off":        {good[:len(good)-3], 0},
		"endless length": {[]byte{5, 2, 0x7F, 0xFF, 0xFF, 0xFF, 0}, 0},
		"endless hole":   {[]byte{5, 2, 0x80, 0, 0, 0, 0}, 0},
		"no components":  {change(func(b []byte) []byte { b[6], b[7] = 0, 0; return b }), 0},
		"many":           {change(func(b []byte) []byte { b[6], b[7] = 0xFF, 0xFF; return b }), 0},
		"a short key":    {change(func(b []byte) []byte { b[len(b)-4-32-3]++; return b }), 0},
		"line in a name": {bytes.Replace(good, []byte("print"), []byte("pri\nt"), 1), 0},
		"too large":      {make([]byte, maxKeytab+1), 0},
		"a thousand and one": {change(func(b []byte) []byte {
			for range maxEntries {
				b = append(b, good[2:]...)
			}
			return b
		}), 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			keys, err := parseKeytab(tt.b)
			if len(keys) != tt.keys || (err != nil) != (tt.keys == 0) || err != nil && !fault.Is(err, fault.Invalid) {
				t.Errorf("%d keys, %v", len(keys), err)
			}
			if name == "long KVNO" && keys[0].kvno != 70000 {
				t.Errorf("KVNO %d", keys[0].kvno)
			}
		})
	}
}

func TestLoad(t *testing.T) {
	_, b := newKeytab(t, 1, []int32{18}, service)
	path := filepath.Join(t.TempDir(), "http.keytab")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := Load(path); err != nil || !bytes.Equal(got, b) {
		t.Errorf("%d octets, %v", len(got), err)
	}
	if _, err := Load(path + "x"); err == nil {
		t.Error("no error")
	}
	if err := os.Truncate(path, maxKeytab+1); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil {
		t.Error("too large, no error")
	}
}

// What is read once is read again the same, and no error shows a key.
func FuzzKeytab(f *testing.F) {
	for _, etypes := range [][]int32{{18}, {17, 23}, {16, 19, 20}} {
		_, b := newKeytab(f, 3, etypes, service, "svc-print")
		f.Add(b)
		f.Add(b[:len(b)-3])
	}
	f.Add([]byte{5, 2, 0x80, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		keys, err := parseKeytab(b)
		if err != nil {
			if !fault.Is(err, fault.Invalid) || len(err.Error()) > 200 {
				t.Errorf("%v", err)
			}
			return
		}
		again, err := parseKeytab(marshal(keys))
		if err != nil || !reflect.DeepEqual(keys, again) {
			t.Errorf("read %+v\nwrote it and read %+v, %v", keys, again, err)
		}
	})
}

func marshal(keys []key) []byte {
	text := func(b []byte, s string) []byte { return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...) }
	all := []byte{5, 2}
	for _, k := range keys {
		r := text(binary.BigEndian.AppendUint16(nil, uint16(len(k.components))), k.realm)
		for _, c := range k.components {
			r = text(r, c)
		}
		r = binary.BigEndian.AppendUint32(r, 1)
		r = binary.BigEndian.AppendUint32(r, uint32(k.time.Unix()))
		r = binary.BigEndian.AppendUint16(append(r, byte(k.kvno)), uint16(k.enctype))
		r = binary.BigEndian.AppendUint32(text(r, string(k.value)), k.kvno)
		all = append(binary.BigEndian.AppendUint32(all, uint32(len(r))), r...)
	}
	return all
}
