package ippsrv

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/OpenPrinting/goipp"

	"platen/ipp"
)

// BenchmarkGetPrinterAttributes is one answer of all attributes, without the
// network.
func BenchmarkGetPrinterAttributes(b *testing.B) {
	h := newServer(newHouse()).Handler()
	m := goipp.NewRequest(goipp.DefaultVersion, goipp.OpGetPrinterAttributes, 1)
	m.Operation = goipp.Attributes{ipp.Charset("attributes-charset", "utf-8"), ipp.Language("attributes-natural-language", "en"),
		ipp.URI("printer-uri", "ipp://127.0.0.1/ipp/print/secure"), ipp.Keyword("requested-attributes", "all")}
	body, err := m.EncodeBytes()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		req := httptest.NewRequest(http.MethodPost, "/ipp/print/secure", bytes.NewReader(body))
		req.Host = "127.0.0.1:631"
		req.Header.Set("Content-Type", contentType)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}
