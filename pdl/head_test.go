package pdl

import "testing"

func TestExamine(t *testing.T) {
	tests := map[string]struct {
		in   string
		want Head
	}{
		"PDF":                  {"%PDF-1.7\n%\xe2\xe3", Head{Language: PDF}},
		"PDF after rubbish":    {"rubbish\n%PDF-1.4\n", Head{Language: PDF}},
		"PostScript":           {"%!PS-Adobe-3.0\n%%For: (Anna \\(Sales\\) M\\374ller)\n%%EndComments\n", Head{Language: PostScript, For: "Anna (Sales) Müller"}},
		"PostScript, hex":      {"%!PS\n%%For: <616E6E61>\n", Head{Language: PostScript, For: "anna"}},
		"PostScript, bare":     {"%!PS\r\n%%For: anna\r\n", Head{Language: PostScript, For: "anna"}},
		"For behind the end":   {"%!PS\n%%EndComments\n%%For: eve\n", Head{Language: PostScript}},
		"For in the program":   {"%!PS\n/x 1 def\n%%For: eve\n", Head{Language: PostScript}},
		"EOT before":           {"\x04%!PS\n", Head{Language: PostScript}},
		"PCL":                  {"\x1bE\x1b&l1X", Head{Language: PCL}},
		"PCL XL":               {") HP-PCL XL;2;0\n", Head{Language: PCLXL}},
		"PWG":                  {"RaS2PwgRaster\x00", Head{Language: PWG}},
		"URF":                  {"UNIRAST\x00\x00\x00\x00\x01", Head{Language: URF}},
		"JPEG":                 {"\xff\xd8\xff\xe0", Head{Language: JPEG}},
		"TIFF":                 {"II*\x00", Head{Language: TIFF}},
		"text":                 {"Dear Anna,\r\n\f", Head{Language: Text}},
		"ZPL":                  {"^XA^FO50,50^FDlabel^FS^XZ", Head{Language: Unknown}},
		"ZPL with a tilde":     {"~DG000.GRF,00080,010,\n", Head{Language: Unknown}},
		"octets":               {"\x00\x01\x02\xfe", Head{Language: Unknown}},
		"empty":                {"", Head{Language: Unknown}},
		"ESC/P-R":              {"\x00\x00\x00\x1b\x01@EJL 1284.4\n@EJL     \n\x1b@\x1b(R\x06\x00\x00ESCPR", Head{Language: ESCPR}},
		"ESC/P":                {"\x1b@\x1bU1", Head{Language: ESCP}},
		"XPS":                  {"PK\x03\x04....FixedDocSeq.fdseq", Head{Language: XPS}},
		"XPS of Ghostscript":   {"PK\x03\x04....Documents/1/Pages/1.fpage", Head{Language: XPS}},
		"For at the end":       {"%!PS\n%%For: (atend)\n%%EndComments\n", Head{Language: PostScript}},
		"another zip":          {"PK\x03\x04....word/document.xml", Head{Language: Unknown}},
		"PJL without language": {uel + "@PJL SET COPIES=2\n\x1bE", Head{Language: PCL, PJL: true, Copies: 2}},
		"PJL of a driver": {
			uel + "@PJL JOB NAME=\"x\"\r\n@PJL COMMENT \"Username: carl; App Filename: budget.xlsx; 11-23-2026\"\r\n@PJL SET STRINGCODESET=UTF8\r\n" +
				"@PJL SET USERNAME=\"anna\"\r\n@PJL SET JOBATTR=\"JobAcct1=ben\"\r\n@PJL SET JOBATTR=\"JobAcct2=PC-17\"\r\n" +
				"@PJL SET QTY=3\r\n@PJL SET DUPLEX=ON\r\n@PJL SET BINDING=SHORTEDGE\r\n@PJL SET RENDERMODE=GRAYSCALE\r\n@PJL ENTER LANGUAGE = PCLXL\r\n) HP-PCL XL;",
			Head{Language: PCLXL, PJL: true, User: "anna", Account: "ben", Comment: "carl", Copies: 3, Sides: "two-sided-short-edge", Colour: "monochrome"},
		},
		"PJL around PostScript": {
			uel + "@PJL SET USERNAME=\"J\xfcrgen\"\n@PJL ENTER LANGUAGE=POSTSCRIPT\n%!PS\n%%For: anna\n",
			Head{Language: PostScript, PJL: true, User: "Jürgen", For: "anna"},
		},
		"host based":                   {uel + "@PJL ENTER LANGUAGE=HBPL\n\x00\x01", Head{Language: Unknown, PJL: true}},
		"A29 default is not the job's": {uel + "@PJL DEFAULT COPIES=99\n@PJL ENTER LANGUAGE=PDF\n%PDF-1.4", Head{Language: PDF, PJL: true}},
		"A14 silly copies":             {uel + "@PJL SET COPIES=-4\n@PJL SET QTY=99999999999\n\x1bE", Head{Language: PCL, PJL: true}},
		"A15 control octets":           {uel + "@PJL SET USERNAME=\"an\x07na\"\n\x1bE", Head{Language: PCL, PJL: true, User: "anna"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Examine([]byte(tt.in)); got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func FuzzExamine(f *testing.F) {
	for _, s := range []string{"%PDF-1.7", "%!PS\n%%For: (a\\)b)\n", "%!\n%%For: <61>\n", uel + "@PJL SET USERNAME=\"a\"\n@PJL ENTER LANGUAGE=PCL\n\x1bE", uel + uel + "@PJL"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h := Examine(b)
		if h.Language == "" {
			t.Error("a document without a language")
		}
		for _, s := range []string{h.User, h.Account, h.Comment, h.For} {
			if len(s) > maxValue || s != text([]byte(s)) {
				t.Errorf("%q is not text", s)
			}
		}
		if h.Copies < 0 {
			t.Errorf("%d copies", h.Copies)
		}
	})
}
