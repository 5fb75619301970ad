package main

import (
	"strings"
	"testing"
)

func TestSeveralSecrets(t *testing.T) {
	tests := map[string]struct {
		each     []string
		in, file string
		want     string
		says     string // of a refusal
	}{
		"none":              {nil, "canary\n", "", "", ""},
		"one":               {[]string{"first"}, "a\nrest\n", "", "a", ""},
		"two":               {[]string{"first", "second"}, "a\nb", "", "a\nb", ""},
		"two of Windows":    {[]string{"first", "second"}, "a\r\nb\r\n", "", "a\nb", ""},
		"from a file":       {[]string{"first", "second"}, "x\ny\n", "c\nd\n", "c\nd", ""},
		"too few":           {[]string{"first", "second"}, "a\n", "", "", "there is no second"},
		"one is empty":      {[]string{"first", "second"}, "\nb\n", "", "", "there is no first"},
		"as long as it may": {[]string{"first"}, strings.Repeat("a", maxSecret) + "\n", "", strings.Repeat("a", maxSecret), ""},
		"too long":          {[]string{"first"}, strings.Repeat("a", maxSecret+1) + "\n", "", "", "there is no first"},
		"far too long":      {[]string{"first", "second"}, strings.Repeat("a", 5*maxSecret) + "\nb\n", "", "", "there is no first"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := &call{}
			if tt.file != "" {
				c.passFile = write(t, tt.file)
			}
			s := &secret{what: "secrets", each: func() []string { return tt.each }}
			got, err := s.read(&env{in: strings.NewReader(tt.in)}, c)
			if got != tt.want || (err != nil) != (tt.says != "") || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}
