package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"time"
)

// submission is one job as its client knows it.
type submission struct {
	id     int
	octets int64
	user   string
	queue  string
	order  string    // "control first", "data first", "stream", or how it goes over IPP
	cut    bool      // the client dies in the middle of its document
	acked  time.Time // zero: the client was promised nothing
	number int64     // job-id, where the client was told one
	told   time.Time // when
	lost   bool      // a backup was restored since: a job that was only announced is in no backup and in no document
	sent   bool      // every octet of the document went into the socket
	copies int
	fate   string // how the job may end without having been printed: it was damaged, or canceled by somebody
}

var (
	orders    = []string{"control first", "data first", "stream"}
	ippOrders = []string{printJob, printChunked, createSend}
)

// send prints one job and fills in what came of it. The error says why it was not
// acknowledged.
func (s *submission) send(n *node, rng *rand.Rand) error {
	if s.overIPP() {
		return s.sendIPP(n.ipp, rng)
	}
	return s.sendLPD(n.lpd, rng)
}

// sendLPD prints over RFC 1179.
func (s *submission) sendLPD(addr string, rng *rand.Rand) error {
	conn, err := net.DialTimeout("tcp", addr, 2*time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))

	if err := exchange(conn, "\x02"+s.queue+"\n"); err != nil {
		return err
	}
	name := fmt.Sprintf("A%03dchaos", s.id%1000)
	control := fmt.Sprintf("Hchaos\nP%s\nJjob %d\n", s.user, s.id)
	for range s.copies {
		control += "ldf" + name + "\n"
	}
	control += fmt.Sprintf("Udf%s\nNjob %d\n", name, s.id)
	doc := document(s.id, s.octets)

	switch s.order {
	case "control first":
		if err := exchange(conn, fmt.Sprintf("\x02%d cf%s\n", len(control), name), control+"\x00"); err != nil {
			return err
		}
		if err := s.data(conn, fmt.Sprintf("\x03%d df%s\n", len(doc), name), doc, rng); err != nil {
			return err
		}
		if err := zero(conn); err != nil {
			return err
		}
	case "data first":
		if err := s.data(conn, fmt.Sprintf("\x03%d df%s\n", len(doc), name), doc, rng); err != nil {
			return err
		}
		if err := zero(conn); err != nil {
			return err
		}
		if err := exchange(conn, fmt.Sprintf("\x02%d cf%s\n", len(control), name), control+"\x00"); err != nil {
			return err
		}
	case "stream":
		if err := exchange(conn, fmt.Sprintf("\x02%d cf%s\n", len(control), name), control+"\x00"); err != nil {
			return err
		}
		if err := exchange(conn, fmt.Sprintf("\x03125899906843000 df%s\n", name)); err != nil {
			return err
		}
		if _, err := conn.Write(doc); err != nil {
			return err
		}
		s.sent = true
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			return err
		}
		if err := zero(conn); err != nil {
			return err
		}
	}
	s.acked = time.Now()
	return nil
}

// data announces a data file and sends it with its trailing zero octet.
func (s *submission) data(conn net.Conn, announce string, doc []byte, rng *rand.Rand) error {
	if err := exchange(conn, announce); err != nil {
		return err
	}
	cut := rng.IntN(len(doc))
	if _, err := conn.Write(doc[:cut]); err != nil {
		return err
	}
	if _, err := conn.Write(append(doc[cut:len(doc):len(doc)], 0)); err != nil {
		return err
	}
	s.sent = true
	return nil
}

// exchange writes each part and waits for a zero octet after it.
func exchange(conn net.Conn, parts ...string) error {
	for _, p := range parts {
		if _, err := io.WriteString(conn, p); err != nil {
			return err
		}
		if err := zero(conn); err != nil {
			return err
		}
	}
	return nil
}

func zero(conn net.Conn) error {
	var b [1]byte
	if _, err := io.ReadFull(conn, b[:]); err != nil {
		return err
	}
	if b[0] != 0 {
		return fmt.Errorf("refused with octet %d", b[0])
	}
	return nil
}
