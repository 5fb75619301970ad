package peers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// IPPTests is where Debian keeps ipptool's test files.
const IPPTests = "/usr/share/cups/ipptool"

// IPPDocuments makes a folder with ipptool's test files and every document that
// they name, which no package has: PDF, PostScript, JPEG and PWG raster, drawn by
// Ghostscript. ipptool ends ipp-everywhere.test at the first that is missing.
func IPPDocuments(ctx context.Context, dir string) error {
	tests, err := filepath.Glob(IPPTests + "/*.test")
	if err != nil || len(tests) == 0 {
		return errors.Join(errors.New("peers: ipptool's test files are missing (make peers)"), err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	rasters := map[string]bool{}
	named := regexp.MustCompile(`(?m)^\s*FILE (pwg-raster-samples-\S+)`)
	for _, t := range tests {
		text, err := os.ReadFile(t)
		if err != nil {
			return err
		}
		for _, m := range named.FindAllSubmatch(text, -1) {
			rasters[string(m[1])] = true
		}
		if err := os.Symlink(t, filepath.Join(dir, filepath.Base(t))); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	for name, pages := range map[string]int{"document": 3, "onepage": 1} {
		if err := drawPages(ctx, dir, name, pages); err != nil {
			return err
		}
	}
	for out, device := range map[string]string{"color.jpg": "jpeg", "gray.jpg": "jpeggray"} {
		if err := gs(ctx, dir, "-sDEVICE="+device, "-r100", "-sOutputFile="+out, "onepage-a4.pdf"); err != nil {
			return err
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for path := range rasters {
		g.Go(func() error { return drawRaster(ctx, dir, path) })
	}
	return g.Wait()
}

// drawPages makes NAME.ps, and NAME-a4 and NAME-letter as PostScript and PDF.
func drawPages(ctx context.Context, dir, name string, pages int) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%%!PS-Adobe-3.0\n%%%%Pages: %d\n%%%%EndComments\n", pages)
	for n := 1; n <= pages; n++ {
		fmt.Fprintf(&b, "%%%%Page: %[1]d %[1]d\n/Helvetica findfont 24 scalefont setfont 72 200 moveto (Page %[1]d) show .5 .2 .1 setrgbcolor 72 100 100 80 rectfill showpage\n", n)
	}
	b.WriteString("%%EOF\n")
	for _, f := range []string{name, name + "-a4", name + "-letter"} {
		if err := os.WriteFile(filepath.Join(dir, f+".ps"), []byte(b.String()), 0o600); err != nil {
			return err
		}
	}
	for _, size := range []string{"a4", "letter"} {
		if err := gs(ctx, dir, "-sPAPERSIZE="+size, "-sDEVICE=pdfwrite", "-sOutputFile="+name+"-"+size+".pdf", name+".ps"); err != nil {
			return err
		}
	}
	return nil
}

// drawRaster makes what a path of PWG's samples promises:
// pwg-raster-samples-300dpi/sgray-8/onepage-a4-sgray-8-300dpi.pwg.
func drawRaster(ctx context.Context, dir, path string) error {
	file := filepath.Join(dir, path)
	if _, err := os.Stat(file); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	kind, base := filepath.Base(filepath.Dir(path)), filepath.Base(path)
	colour, bits, _ := cutLast(kind, "-")
	space := map[string]string{"black": "3", "cmyk": "6", "sgray": "18", "adobe-rgb": "20"}[colour]
	if space == "" {
		space = "19"
	}
	dpi := strings.TrimSuffix(strings.TrimPrefix(strings.Split(path, "/")[0], "pwg-raster-samples-"), "dpi")
	source := "onepage.ps"
	if strings.HasPrefix(base, "document-") {
		source = "document.ps"
	}
	size := []string{"-sPAPERSIZE=a4"}
	switch {
	case strings.Contains(base, "-4x6-"):
		size = []string{"-dDEVICEWIDTHPOINTS=288", "-dDEVICEHEIGHTPOINTS=432"}
	case strings.Contains(base, "-letter-"):
		size = []string{"-sPAPERSIZE=letter"}
	}
	args := slices.Concat(size, []string{"-sDEVICE=pwgraster", "-r" + dpi, "-dcupsColorSpace=" + space, "-dcupsBitsPerColor=" + bits, "-sOutputFile=" + path, source})
	return gs(ctx, dir, args...)
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

func gs(ctx context.Context, dir string, args ...string) error {
	cmd := exec.CommandContext(ctx, "gs", append([]string{"-q", "-dNOPAUSE", "-dBATCH"}, args...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("peers: gs %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}
