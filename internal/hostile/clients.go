package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"time"
)

// client is one of the crowd. Its drip is sent an octet a second; an empty one
// stays silent.
type client struct {
	net.Conn
	drip string
}

type addressKey struct{}

// withAddress lets what is dialled come from another address of loopback.
func withAddress(ctx context.Context, ip string) context.Context {
	return context.WithValue(ctx, addressKey{}, ip)
}

func dial(ctx context.Context, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: 20 * time.Second, KeepAlive: -1}
	if ip, ok := ctx.Value(addressKey{}).(string); ok {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(ip)}
	}
	return d.DialContext(ctx, "tcp", addr)
}

func idleLPD(ctx context.Context, n *node, _ *crowd) (client, error) {
	conn, err := dial(ctx, n.lpd)
	return client{Conn: conn}, err
}

// small keeps the crowd's own side cheap: thousands of clients run in one
// process.
func small(conn net.Conn) *tls.Conn {
	return tls.Client(conn, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, CurvePreferences: []tls.CurveID{tls.X25519}, NextProtos: []string{"http/1.1"}})
}

func idleTLS(ctx context.Context, n *node, _ *crowd) (client, error) {
	conn, err := dial(ctx, n.web)
	if err != nil {
		return client{}, err
	}
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	t := small(conn)
	if err := t.HandshakeContext(ctx); err != nil {
		conn.Close()
		return client{}, err
	}
	conn.SetDeadline(time.Time{})
	return client{Conn: t}, nil
}

// keptAlive asks for something, and then for nothing more.
func keptAlive(ctx context.Context, n *node, c *crowd) (client, error) {
	k, err := idleTLS(ctx, n, c)
	if err != nil {
		return k, err
	}
	fmt.Fprintf(k, "GET /healthz HTTP/1.1\r\nHost: %s\r\n\r\n", n.web)
	k.SetDeadline(time.Now().Add(20 * time.Second))
	b := make([]byte, 2048)
	if _, err := k.Read(b); err != nil {
		k.Close()
		return client{}, err
	}
	k.SetDeadline(time.Time{})
	return k, nil
}

// halfHandshake says that a handshake of 400 octets comes, and sends nine.
func halfHandshake(ctx context.Context, n *node, _ *crowd) (client, error) {
	conn, err := dial(ctx, n.web)
	if err != nil {
		return client{}, err
	}
	_, err = conn.Write([]byte{22, 3, 1, 1, 144, 1, 0, 1, 140})
	return client{Conn: conn}, err
}

// dripDocument announces a large document and sends it octet by octet.
func dripDocument(ctx context.Context, n *node, _ *crowd) (client, error) {
	conn, err := dial(ctx, n.lpd)
	if err != nil {
		return client{}, err
	}
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	control := "Hdrip\nPanna\nldfA001drip\n"
	for _, s := range []string{"\x02secure\n", fmt.Sprintf("\x02%d cfA001drip\n", len(control)), control + "\x00", "\x031000000 dfA001drip\n"} {
		if err := exchange(conn, s); err != nil {
			conn.Close()
			return client{}, err
		}
	}
	conn.SetDeadline(time.Time{})
	return client{conn, "x"}, nil
}

func dripCommand(ctx context.Context, n *node, _ *crowd) (client, error) {
	conn, err := dial(ctx, n.lpd)
	if err != nil {
		return client{}, err
	}
	_, err = conn.Write([]byte{2})
	return client{conn, "q"}, err
}

func dripHeader(ctx context.Context, n *node, c *crowd) (client, error) {
	k, err := idleTLS(ctx, n, c)
	if err == nil {
		_, err = fmt.Fprintf(k, "GET / HTTP/1.1\r\nHost: %s\r\nX-Drip: ", n.web)
	}
	k.drip = "x"
	return k, err
}

// dripBody sends a document over the API octet by octet, as a program that may
// print.
func dripBody(ctx context.Context, n *node, c *crowd) (client, error) {
	return dripAs(ctx, n, c, n.token)
}

// dripStranger does the same without a token.
func dripStranger(ctx context.Context, n *node, c *crowd) (client, error) {
	return dripAs(ctx, n, c, "nobody")
}

func dripAs(ctx context.Context, n *node, c *crowd, token string) (client, error) {
	k, err := idleTLS(ctx, n, c)
	if err == nil {
		_, err = fmt.Fprintf(k, "POST /api/v1/jobs?queue=secure HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/octet-stream\r\nContent-Length: 1000000\r\n\r\n", n.web, token)
	}
	k.drip = "x"
	return k, err
}

// exchange writes s and waits for a zero octet.
func exchange(conn net.Conn, s string) error {
	if _, err := io.WriteString(conn, s); err != nil {
		return err
	}
	var b [1]byte
	if _, err := io.ReadFull(conn, b[:]); err != nil {
		return err
	}
	if b[0] != 0 {
		return fmt.Errorf("refused with octet %d", b[0])
	}
	return nil
}
