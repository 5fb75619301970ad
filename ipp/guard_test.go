package ipp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/OpenPrinting/goipp"

	"platen/fault"
)

// wire puts a message together octet by octet.
type wire struct{ bytes.Buffer }

func begin() *wire {
	w := &wire{}
	w.Write([]byte{2, 0, 0, 0x0b, 0, 0, 0, 1, 1})
	return w
}

func (w *wire) attr(tag byte, name, value string) *wire {
	w.WriteByte(tag)
	_ = binary.Write(w, binary.BigEndian, uint16(len(name)))
	w.WriteString(name)
	_ = binary.Write(w, binary.BigEndian, uint16(len(value)))
	w.WriteString(value)
	return w
}

func (w *wire) end() *wire {
	w.WriteByte(3)
	return w
}

func TestReadTakesNoOctetTooMany(t *testing.T) {
	w := begin().attr(0x47, "attributes-charset", "utf-8").end()
	w.WriteString("%PDF-1.7")
	for name, r := range map[string]io.Reader{"whole": bytes.NewReader(w.Bytes()), "an octet at a time": iotest.OneByteReader(bytes.NewReader(w.Bytes()))} {
		m, err := Read(r, RequestLimits())
		if err != nil || Text(m.Operation, "attributes-charset") != "utf-8" {
			t.Fatalf("%s: %+v, %v", name, m, err)
		}
		if rest, _ := io.ReadAll(r); string(rest) != "%PDF-1.7" {
			t.Errorf("%s: what follows is %q", name, rest)
		}
	}
}

// A08 and A09: what breaks a limit is refused before goipp sees it, quickly and
// with little memory.
func TestReadLimits(t *testing.T) {
	nested := begin().attr(0x34, "media-col", "")
	for nested.Len() < 48<<20 {
		nested.attr(0x4a, "", "x").attr(0x34, "", "")
	}
	million := begin()
	for range 1_000_000 {
		million.attr(0x21, "a", "\x00\x00\x00\x01")
	}
	values := begin().attr(0x21, "a", "\x00\x00\x00\x01")
	for range 100_000 {
		values.attr(0x21, "", "\x00\x00\x00\x01")
	}
	groups := begin()
	for range 100_000 {
		groups.WriteByte(2)
	}
	long := begin().attr(0x41, "a", strings.Repeat("x", 30_000))
	for long.Len() < 2<<20 {
		long.attr(0x41, "b", strings.Repeat("x", 30_000))
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for name, w := range map[string]*wire{"nested": nested, "a million attributes": million, "many values": values, "many groups": groups, "long": long} {
		_, err := Read(bytes.NewReader(w.Bytes()), RequestLimits())
		if !fault.Is(err, fault.TooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 32<<20 {
		t.Errorf("refusing took %d octets of memory", used)
	}
}

func TestReadInvalid(t *testing.T) {
	for name, w := range map[string][]byte{
		"no group":                  append([]byte{2, 0, 0, 2, 0, 0, 0, 1}, begin().attr(0x47, "a", "b").Bytes()[9:]...),
		"tag 0":                     append(begin().Bytes(), 0),
		"cut in the header":         {2, 0, 0},
		"cut in a name":             begin().attr(0x47, "attributes-charset", "utf-8").Bytes()[:16],
		"no end":                    begin().attr(0x47, "attributes-charset", "utf-8").Bytes(),
		"a length below zero":       append(begin().Bytes(), 0x47, 0xff, 0xff),
		"a lying length":            append(begin().Bytes(), 0x47, 0x7f, 0xff, 'a'),
		"an end without beginning":  begin().attr(0x37, "", "").end().Bytes(),
		"a group in a collection":   append(begin().attr(0x34, "a", "").Bytes(), 2),
		"the end in a collection":   begin().attr(0x34, "a", "").end().Bytes(),
		"a short extension":         begin().attr(0x7f, "a", "xx").end().Bytes(),
		"a short integer":           begin().attr(0x21, "a", "\x01").end().Bytes(),
		"an additional value first": begin().attr(0x21, "", "\x00\x00\x00\x01").end().Bytes(),
	} {
		if m, err := Read(bytes.NewReader(w), RequestLimits()); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
	if _, err := Read(strings.NewReader(""), RequestLimits()); !errors.Is(err, io.EOF) {
		t.Errorf("nothing at all: %v", err)
	}
	broken := errors.New("the line is dead")
	if _, err := Read(iotest.ErrReader(broken), RequestLimits()); !errors.Is(err, broken) {
		t.Errorf("a reader's error: %v", err)
	}
}

func TestAttributes(t *testing.T) {
	when := time.Date(2026, 11, 28, 11, 0, 0, 0, time.UTC)
	list := goipp.Attributes{
		Keyword("k", "a", "b"), Keywords("ks", []fakeKeyword{"x"}), Integer("i", -3), Enum("e", 4, 5), Boolean("b", true), Range("r", 1, 9),
		Resolution("dpi", 300, 600), DateTime("at", when), OctetString("o", "\x00\x01"), Collection("c", []goipp.Attribute{Integer("n", 7)}),
		NoValue("none"), Unknown("unknown"), URI("u", "ipp://h/p"), MIME("m", "text/plain"), Charset("cs", "utf-8"), Language("l", "en"),
		Name("name", strings.Repeat("ä", 200)), TextWithout("t", "text"), Keyword("empty"),
	}
	m := goipp.Message{Version: goipp.DefaultVersion, RequestID: 1, Operation: list}
	b, err := m.EncodeBytes()
	if err != nil {
		t.Fatal(err)
	}
	back, err := Read(bytes.NewReader(b), AnswerLimits())
	if err != nil {
		t.Fatal(err)
	}
	got := back.Operation
	if n, ok := Int(got, "i"); !ok || n != -3 {
		t.Errorf("i: %d, %v", n, ok)
	}
	if b, ok := Bool(got, "b"); !ok || !b {
		t.Errorf("b: %v, %v", b, ok)
	}
	if !Contains(got, "k", "b") || Contains(got, "k", "c") || Text(got, "ks") != "x" || len(Ints(got, "e")) != 2 {
		t.Errorf("%+v", got)
	}
	if r := Ranges(got, "r"); len(r) != 1 || r[0] != (goipp.Range{Lower: 1, Upper: 9}) {
		t.Errorf("r: %+v", r)
	}
	if r := Ranges(got, "i"); len(r) != 1 || r[0].Lower != -3 || r[0].Upper != -3 {
		t.Errorf("an integer as range: %+v", r)
	}
	if c := Collections(got, "c"); len(c) != 1 || Ints(c[0], "n")[0] != 7 {
		t.Errorf("c: %+v", c)
	}
	if string(Octets(got, "o")) != "\x00\x01" {
		t.Errorf("o: %q", Octets(got, "o"))
	}
	if name := Text(got, "name"); len(name) > 255 || !strings.HasPrefix(name, "ää") || strings.ContainsRune(name, '\uFFFD') {
		t.Errorf("name: %q", name)
	}
	for _, name := range []string{"none", "empty"} {
		if a, _ := Find(got, name); Tag(a) != goipp.TagNoValue {
			t.Errorf("%s: %v", name, Tag(a))
		}
	}
	if a, _ := Find(got, "nowhere"); Tag(a) != goipp.TagZero {
		t.Errorf("an attribute that is not there: %+v", a)
	}
}

type fakeKeyword string

func TestTextIsClean(t *testing.T) {
	list := goipp.Attributes{goipp.MakeAttribute("t", goipp.TagName, goipp.String("a\x00b\xffc\nd"))}
	if got := Text(list, "t"); got != "a b\uFFFDc d" {
		t.Errorf("%q", got)
	}
	list = goipp.Attributes{goipp.MakeAttribute("t", goipp.TagNameLang, goipp.TextWithLang{Lang: "de", Text: "grün"})}
	if got := Text(list, "t"); got != "grün" {
		t.Errorf("%q", got)
	}
}

// FuzzRead: what is read can be written and read again as the same, and the
// guard lets nothing through that goipp cannot bear.
func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("../testdata/ipp/*.ipp")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(begin().attr(0x47, "attributes-charset", "utf-8").attr(0x34, "media-col", "").attr(0x4a, "", "x").attr(0x21, "", "\x00\x00\x00\x01").attr(0x37, "", "").end().Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Read(bytes.NewReader(b), RequestLimits())
		if err != nil {
			if k := fault.KindOf(err); k != fault.Invalid && k != fault.TooLarge && !errors.Is(err, io.EOF) {
				t.Errorf("a client's mistake became %v", err)
			}
			return
		}
		again, err := m.EncodeBytes()
		if err != nil {
			return // goipp reads some values that it does not write: a text with a language longer than its field
		}
		back, err := Read(bytes.NewReader(again), RequestLimits())
		if err != nil || !m.Equal(*back) {
			t.Errorf("read %+v\nwrote it and read %+v, %v", m, back, err)
		}
	})
}
