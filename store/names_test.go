package store

import "testing"

// A49: a name that a stranger chose is a value, whatever stands in it: it finds who
// has exactly this name, and as a beginning who is called like it.
func TestA49NamesAreValues(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for _, name := range []string{"*", "%", "_nna", "ann%", "ann_", "anna' OR '1'='1", `anna" --`, "anna\x00", "anna)(uid=*", `\`, "$1", "?1", "[a]nna", "a*"} {
		if list, err := w.a.UsersByName(ctx, name); err != nil || len(list) != 0 {
			t.Errorf("%q is %+v, %v", name, list, err)
		}
		if list, err := w.a.UsersByPrefix(ctx, name, 10); err != nil || len(list) != 0 {
			t.Errorf("%q begins %+v, %v", name, list, err)
		}
	}
}
