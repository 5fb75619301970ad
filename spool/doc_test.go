package spool

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// docs/spool.md is for people in trouble: it has to be right.

func readDoc(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../docs/spool.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestTheDocumentedOffsetsAreTheOffsets(t *testing.T) {
	above, rest, ok := strings.Cut(readDoc(t), "\nThe header:\n")
	header, footer, both := strings.Cut(rest, "\nThe footer, from its own first octet:\n")
	if !ok || !both {
		t.Fatal("no header or no footer in the document")
	}
	_, segment, ok := strings.Cut(above, "\n## A segment\n")
	if !ok {
		t.Fatal("nothing about segments")
	}
	wantRows(t, "frame", strings.Replace(segment, "as octet 16 says", "0", 1), [][2]int{
		{atFrameMagic, len(frameMagic)}, {atSegment, 8}, {atImageLen, 4}, {atPrefixSum, 4},
		{atPrefixSum + 4, prefixOctets - atPrefixSum - 4}, {prefixOctets, 0},
	})
	wantRows(t, "header", header, [][2]int{
		{atMagic, len(magic)}, {atVersion, 2}, {atFlags, 2}, {atChunk, 4}, {atJob, uuidOctets}, {atNumber, 4},
		{atTenant, tenantOctets}, {atTenant + tenantOctets, identityOctets - atTenant - tenantOctets},
		{atKeyID, keyIDSpace}, {atNonce, nonceOctets}, {atWrapped, wrappedOctets},
		{atWrapped + wrappedOctets, headerOctets - atWrapped - wrappedOctets},
	})
	wantRows(t, "footer", footer, [][2]int{
		{atEndMagic, len(endMagic)}, {atOctets, 8}, {atManifestLen, 4}, {atManifestLen + 4, atDigest - atManifestLen - 4},
		{atDigest, footerOctets - atDigest},
	})
	for _, fact := range []string{
		fmt.Sprintf("| 0 | %d | header |", headerOctets), fmt.Sprintf("| end - %d | %d | footer |", footerOctets, footerOctets),
		fmt.Sprintf("`%s`", magic), fmt.Sprintf("`%s`", endMagic), fmt.Sprintf("chunks: %d octets", chunkOctets),
		fmt.Sprintf("Octets 0 to %d of the header are the *identity*", identityOctets-1),
		fmt.Sprintf("Octets %d to %d are the *key block*", atKeyID, headerOctets-1),
		fmt.Sprintf("(%d chunk, %d manifest, %d footer)", sealedChunk, sealedManifest, sealedFooter),
		fmt.Sprintf("version of the format, %d", version),
		fmt.Sprintf("`%s`", frameMagic), fmt.Sprintf("begins at a multiple of %d", frameAlign), fmt.Sprintf("segments of %d MiB", segmentOctets>>20),
	} {
		if !strings.Contains(above+header+footer, fact) {
			t.Errorf("the document does not say %q", fact)
		}
	}
}

// wantRows compares the first two columns of the first table in text.
func wantRows(t *testing.T, name, text string, want [][2]int) {
	t.Helper()
	_, table, ok := strings.Cut(text, "| --- | --- | --- |\n")
	if !ok {
		t.Fatalf("no table of the %s", name)
	}
	table, _, _ = strings.Cut(table, "\n\n")
	rows := strings.Split(strings.TrimSpace(table), "\n")
	if len(rows) != len(want) {
		t.Fatalf("%d rows about the %s, want %d", len(rows), name, len(want))
	}
	for i, row := range rows {
		if begin := fmt.Sprintf("| %d | %d | ", want[i][0], want[i][1]); !strings.HasPrefix(row, begin) {
			t.Errorf("%s: %q, want %q", name, row, begin)
		}
	}
}

// Every command runs on the golden file and prints what the document says.
func TestTheDocumentedCommandsWork(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, fileName(goldenUUID, 1)), goldenFile(t, "v1.doc"), 0o600); err != nil {
		t.Fatal(err)
	}
	segment := append(make([]byte, frameAlign), appendFrame(nil, 0x1c, goldenFile(t, "v1.doc"))...)
	if err := os.WriteFile(filepath.Join(dir, segmentName(0x1c)), segment, 0o600); err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(readDoc(t), "```console\n")[1:]
	if len(blocks) < 5 {
		t.Fatalf("%d blocks of commands", len(blocks))
	}
	var script, want strings.Builder
	for _, block := range blocks {
		block, _, _ = strings.Cut(block, "```")
		for line := range strings.Lines(block) {
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				script.WriteString(command)
			} else {
				want.WriteString(line)
			}
		}
	}
	cmd := exec.Command("sh", "-e", "-c", script.String())
	cmd.Dir = dir
	got, err := cmd.CombinedOutput()
	if err != nil || string(got) != want.String() {
		t.Errorf("%v\nprinted\n%s\nthe document says\n%s", err, got, want.String())
	}
}
