package ippsrv

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"platen/ipp"
)

// FuzzOperations sends a stranger's octets through the whole door. Whatever they
// are, the answer is IPP or a refusal, and never a failure of the node.
func FuzzOperations(f *testing.F) {
	files, err := filepath.Glob("../testdata/ipp/*.ipp")
	if err != nil || len(files) < 10 {
		f.Fatalf("%d captures, %v", len(files), err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, "/ipp/print/direct", "%PDF-1.4")
		f.Add(b, "/", "")
	}
	f.Fuzz(func(t *testing.T, b []byte, path, doc string) {
		if len(path) == 0 || path[0] != '/' {
			return
		}
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", bytes.NewReader(append(b, doc...)))
		req.URL.Path, req.Host = path, "127.0.0.1:631"
		req.Header.Set("Content-Type", contentType)
		w := httptest.NewRecorder()
		newServer(newHouse()).Handler().ServeHTTP(w, req)
		if w.Code != http.StatusOK {
			if w.Code >= http.StatusInternalServerError {
				t.Errorf("HTTP %d: %s", w.Code, w.Body)
			}
			return
		}
		m, err := ipp.Read(w.Body, ipp.AnswerLimits())
		if err != nil {
			t.Fatalf("our own answer: %v", err)
		}
		if int(m.Code) == statusInternalError {
			t.Errorf("%s", ipp.Text(m.Operation, "status-message"))
		}
	})
}
