package pdl

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// What Ghostscript's drivers write is taken for what it is.
func TestLanguagesOfDrivers(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.ps")
	err := os.WriteFile(page, []byte("%!PS-Adobe-3.0\n%%For: (anna)\n%%EndComments\n72 72 100 100 rectfill showpage\n"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]Head{
		"ljet4":     {Language: PCL},
		"deskjet":   {Language: PCL},
		"ljet4pjl":  {Language: PCL, PJL: true},
		"pxlcolor":  {Language: PCLXL, PJL: true, Colour: "color"},
		"pxlmono":   {Language: PCLXL, PJL: true, Colour: "monochrome"},
		"ps2write":  {Language: PostScript},
		"pdfwrite":  {Language: PDF},
		"pwgraster": {Language: PWG},
		"urf":       {Language: URF},
		"xpswrite":  {Language: XPS},
		"epson":     {Language: ESCP},
		"jpeg":      {Language: JPEG},
		"tiffg4":    {Language: TIFF},
		"escpage":   {Language: Unknown},
	}
	for device, want := range tests {
		t.Run(device, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			cmd := exec.CommandContext(t.Context(), "gs", "-q", "-dNOPAUSE", "-dBATCH", "-dSAFER", "-sDEVICE="+device, "-sOutputFile="+out, page)
			if said, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("gs: %v\n%s", err, said)
			}
			b, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			if got := Examine(b); got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}
