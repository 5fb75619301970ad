package cardrule

import "testing"

func TestSteps(t *testing.T) {
	r, err := Parse(`trim | first(strip_prefix("x"), keep) | hex2dec`)
	if err != nil {
		t.Fatal(err)
	}
	value := "x1F "
	var names []string
	for _, s := range r.Steps() {
		if value, err = s.Apply(value); err != nil {
			t.Fatal(err)
		}
		names = append(names, s.String())
	}
	if whole, err := r.Apply("x1F "); err != nil || whole != value || len(names) != 3 || names[0] != "trim" {
		t.Errorf("%q makes %s, the whole %s, %v", names, value, whole, err)
	}
	if len((Rule{}).Steps()) != 0 {
		t.Error("keep has steps")
	}
}
