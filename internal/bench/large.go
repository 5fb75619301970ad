package main

import (
	"bufio"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"platen/internal/testkit/peers"
)

const largeJob = 1 << 30

// benchLarge is one job of 1 GiB: how fast it comes in, what memory that takes of
// the node, and what small jobs notice of it.
func benchLarge(ctx context.Context, n *node, peer *peers.CupsLPD, dir string, runs int, v *verdicts) error {
	bare, stop, err := startNull(ctx, dir)
	if err != nil {
		return err
	}
	defer stop()
	doc := text(largeJob)
	var own, other, loop, disk spread
	var added int64
	for run := range min(runs, 3) {
		if err := n.forgetPeak(); err != nil {
			return err
		}
		before := n.peak()
		for _, who := range []struct {
			addr, queue string
			into        *spread
		}{{n.lpd, "secure", &own}, {bare, "bare", &loop}, {peer.Addr, "held", &other}} {
			settle()
			start := time.Now()
			if err := printOne(who.addr, who.queue, "anna", fmt.Sprint("large ", run), run, doc); err != nil {
				return err
			}
			*who.into = append(*who.into, largeJob/1e6/time.Since(start).Seconds())
		}
		added = max(added, n.peak()-before)
		settle()
		rate, err := writeAndSync(filepath.Join(dir, "written"), doc)
		if err != nil {
			return err
		}
		disk = append(disk, rate)
	}
	fmt.Printf("one LPR job of 1 GiB, MB/s, each after the disk has come to rest:\n  platen %s, cups-lpd %s, a bare loop that receives, hashes, encrypts, writes and syncs %s, write and fsync alone %s\n"+
		"  %.2f times cups-lpd, %.2f of the bare loop, %.2f of write and fsync; the node needed %.1f MiB more\n\n",
		own, other, loop, disk, own.median()/other.median(), own.median()/loop.median(), own.median()/disk.median(), float64(added)/1024)
	v.least("1 GiB LPR job, times cups-lpd", own.median()/other.median(), 4, 4, "")
	v.least("the same, share of write and fsync", own.median()/disk.median(), 0.35, 0.35, "")
	v.least("the same, share of a bare loop", own.median()/loop.median(), 0, 0.85, "")
	v.most("the same, added memory", float64(added)/1024, 32, 32, " MiB")
	return benchBeside(ctx, n, doc, v)
}

// settle lets the disk write what others have left to it.
func settle() {
	_ = tool("sync")
	time.Sleep(300 * time.Millisecond)
}

// writeAndSync is what the disk takes of one file.
func writeAndSync(path string, doc []byte) (mbs float64, err error) {
	start := time.Now()
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	for b := doc; len(b) > 0 && err == nil; b = b[min(len(b), 1<<20):] {
		_, err = f.Write(b[:min(len(b), 1<<20)])
	}
	err = errors.Join(err, f.Sync(), f.Close())
	return float64(len(doc)) / 1e6 / time.Since(start).Seconds(), errors.Join(err, os.Remove(path))
}

// benchBeside is what small jobs notice while large ones come in.
func benchBeside(ctx context.Context, n *node, doc []byte, v *verdicts) error {
	done := make(chan error, 1)
	go func() {
		for i := range 4 {
			if err := printOne(n.lpd, "secure", "ben", fmt.Sprint("beside ", i), i, doc); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	var ms spread
	small := text(smallJob)
	for i := 0; ; i++ {
		select {
		case err := <-done:
			if err != nil {
				return err
			}
			fmt.Printf("%d jobs of 10 KiB, one after the other, while four of 1 GiB come in: p50 %.1f ms, p99 %.1f ms, longest %.1f ms\n\n", len(ms), ms.median(), ms.at(0.99), ms.at(1))
			v.most("p99 of small jobs while 1 GiB comes in", ms.at(0.99), 50, 30, " ms")
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
		start := time.Now()
		if err := printOne(n.lpd, "secure", "anna", fmt.Sprint("small ", i), i%1000, small); err != nil {
			return err
		}
		ms = append(ms, time.Since(start).Seconds()*1e3)
	}
}

// store is the bare loop: it takes one document as RFC 1179 sends it, and does
// with its octets what the node must do with them, and nothing else.
func store(c net.Conn, dir string) error {
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		return err
	}
	seal, err := cipher.NewGCM(block)
	if err != nil {
		return err
	}
	digest := hmac.New(sha256.New, make([]byte, 32))
	r := bufio.NewReaderSize(c, 64<<10)
	if _, err := r.ReadString('\n'); err != nil {
		return err
	}
	_, _ = c.Write([]byte{0})
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return nil
		}
		count, err := strconv.ParseInt(strings.Fields(line[1:] + " x")[0], 10, 64)
		if err != nil {
			return err
		}
		_, _ = c.Write([]byte{0})
		if line[0] == 2 {
			if _, err := io.CopyN(io.Discard, r, count+1); err != nil {
				return err
			}
			_, _ = c.Write([]byte{0})
			continue
		}
		f, err := os.CreateTemp(dir, "bare-")
		if err != nil {
			return err
		}
		defer os.Remove(f.Name())
		defer f.Close()
		plain, sealed, nonce := make([]byte, 64<<10), make([]byte, 0, 64<<10+16), make([]byte, 12)
		for left := count; left > 0; {
			p := plain[:min(left, 64<<10)]
			if _, err := io.ReadFull(r, p); err != nil {
				return err
			}
			left -= int64(len(p))
			digest.Write(p)
			nonce[0]++
			if _, err := f.Write(seal.Seal(sealed, nonce, p, nil)); err != nil {
				return err
			}
		}
		if err := f.Sync(); err != nil {
			return err
		}
		if _, err := r.ReadByte(); err != nil {
			return err
		}
		_, _ = c.Write([]byte{0})
	}
}
