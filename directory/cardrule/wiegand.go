package cardrule

import (
	"fmt"
	"math/bits"
	"strings"
)

// wiegandFormat is how bits are laid out: parity, facility, number, parity.
type wiegandFormat struct {
	name             string
	facility, number int // bits
	half             int // data bits under each parity, from either end
}

// The formats of the sources: rfideas.com, "Proximity card formats" (H10301),
// and ooaccess.com, "37 bit card format with facility code" (H10304).
var wiegandFormats = []wiegandFormat{
	{"H10301", 8, 16, 12},
	{"H10304", 16, 19, 18},
}

func (f *wiegandFormat) data() int { return f.facility + f.number }

// wiegandOutputs are the ways to write facility and number. What does not fit
// is no number.
var wiegandOutputs = map[string]func(facility, number uint64) (string, bool){
	"number":                 func(_, n uint64) (string, bool) { return fmt.Sprint(n), true },
	"facility*65536+number":  func(f, n uint64) (string, bool) { return fmt.Sprint(f<<16 + n), true },
	"facility*524288+number": func(f, n uint64) (string, bool) { return fmt.Sprint(f<<19 + n), true },
	"FFFNNNNN":               func(f, n uint64) (string, bool) { return fmt.Sprintf("%03d%05d", f, n), f < 1e3 && n < 1e5 },
	"FFFFFNNNNNN":            func(f, n uint64) (string, bool) { return fmt.Sprintf("%05d%06d", f, n), true },
}

var wiegandBases = map[string]int{"hex": 16, "dec": 10, "bin": 2}

// wiegand is the function of that name. Whether there are parity bits is said in
// the rule and never guessed: a decimal number does not show how many bits it
// was.
func wiegand(a []value) (run, []value, bool) {
	input := "hex"
	if len(a) == 3 && a[2].text != input {
		input = a[2].text
	} else {
		a = a[:2]
	}
	input, parity := strings.CutSuffix(input, "+parity")
	base, known := wiegandBases[input]
	write, ok := wiegandOutputs[a[1].text]
	if !known || !ok {
		return nil, nil, false
	}
	for i := range wiegandFormats {
		if f := &wiegandFormats[i]; strings.EqualFold(f.name, a[0].text) {
			a = append([]value{text(f.name)}, a[1:]...)
			return func(s string) (string, error) { return f.convert(s, base, parity, write) }, a, true
		}
	}
	return nil, nil, false
}

func (f *wiegandFormat) convert(s string, base int, parity bool, write func(facility, number uint64) (string, bool)) (string, error) {
	n, err := readNumber("wiegand", s, base)
	if err != nil {
		return "", err
	}
	size := f.data()
	if parity {
		size += 2
	}
	if n.BitLen() > size || base == 2 && len(s) != size { // written bit by bit, leading zeros are bits as well
		return "", misfit("This card number does not fit the rule of its reader: a number of %d bits was expected.", size)
	}
	data := n.Uint64()
	if parity {
		var right bool
		if data, right = f.checked(data); !right {
			return "", misfit("This card number was misread, or it is none of format %s: its parity is wrong.", f.name)
		}
	}
	out, ok := write(data>>f.number, data&(1<<f.number-1))
	if !ok {
		return "", misfit("This card number does not fit the rule of its reader: facility or number have more digits than the rule leaves for them.")
	}
	return out, nil
}

// checked returns the data bits, and whether the parity bits around them are
// right: even with the first half, odd with the last.
func (f *wiegandFormat) checked(whole uint64) (data uint64, right bool) {
	size := f.data()
	data = whole >> 1 & (1<<size - 1)
	head := data >> (size - f.half)
	tail := data & (1<<f.half - 1)
	even := bits.OnesCount64(head) + int(whole>>(size+1)&1)
	odd := bits.OnesCount64(tail) + int(whole&1)
	return data, even%2 == 0 && odd%2 == 1
}
