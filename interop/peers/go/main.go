// A client and a server on Go's crypto/tls, driven by the interop tests: see ../../README.md for the protocol.
package main

import (
	"bufio"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"
	"runtime"
	"strconv"
	"strings"
)

const exporterLabel = "EXPORTER-tacit-interop"

var curves = map[string]tls.CurveID{
	"x25519": tls.X25519, "secp256r1": tls.CurveP256, "secp384r1": tls.CurveP384, "secp521r1": tls.CurveP521,
}

var versions = map[string]uint16{"TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13}

type event map[string]any

func say(e event) {
	line, err := json.Marshal(e)
	check(err)
	fmt.Println(string(line))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	options := map[string]string{}
	for _, argument := range os.Args[2:] {
		name, value, _ := strings.Cut(argument, "=")
		options[name] = value
	}
	switch os.Args[1] {
	case "version":
		fmt.Println(runtime.Version())
	case "client":
		runClient(options)
	case "server":
		runServer(options)
	}
}

func configuration(options map[string]string) *tls.Config {
	spoken := strings.Split(options["versions"], ",")
	config := &tls.Config{
		MinVersion: versions[spoken[0]],
		MaxVersion: versions[spoken[len(spoken)-1]],
		ServerName: options["name"],
	}
	if path, ok := os.LookupEnv("SSLKEYLOGFILE"); ok {
		log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		check(err)
		config.KeyLogWriter = log
	}
	if path, ok := options["ca"]; ok {
		pem, err := os.ReadFile(path)
		check(err)
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(pem)
		config.RootCAs = pool
		config.ClientCAs = pool
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	if path, ok := options["cert"]; ok {
		certificate, err := tls.LoadX509KeyPair(path, options["key"])
		check(err)
		if path, ok := options["ocsp"]; ok {
			certificate.OCSPStaple, err = os.ReadFile(path)
			check(err)
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	if names, ok := options["groups"]; ok {
		for _, name := range strings.Split(names, ",") {
			config.CurvePreferences = append(config.CurvePreferences, curves[name])
		}
	}
	if names, ok := options["alpn"]; ok {
		config.NextProtos = strings.Split(names, ",")
	}
	return config
}

func describe(conn *tls.Conn) event {
	state := conn.ConnectionState()
	exporter, err := state.ExportKeyingMaterial(exporterLabel, nil, 32)
	check(err)
	inContext, err := state.ExportKeyingMaterial(exporterLabel, []byte("context"), 32)
	check(err)
	report := event{
		"event":             "connection",
		"resumed":           state.DidResume,
		"cipherSuite":       tls.CipherSuiteName(state.CipherSuite),
		"peerCertificate":   len(state.PeerCertificates) > 0,
		"exporter":          hex.EncodeToString(exporter),
		"exporterInContext": hex.EncodeToString(inContext),
	}
	if len(state.OCSPResponse) > 0 {
		hash := sha256.Sum256(state.OCSPResponse)
		report["stapledResponse"] = hex.EncodeToString(hash[:])
	}
	for name, version := range versions {
		if version == state.Version {
			report["protocolVersion"] = name
		}
	}
	if state.NegotiatedProtocol != "" {
		report["alpnProtocol"] = state.NegotiatedProtocol
	}
	// Fields that older releases do not have.
	fields := reflect.ValueOf(state)
	if curve := fields.FieldByName("CurveID"); curve.IsValid() {
		for name, id := range curves {
			if uint64(id) == curve.Uint() {
				report["group"] = name
			}
		}
	}
	if retried := fields.FieldByName("HelloRetryRequest"); retried.IsValid() {
		report["helloRetryRequest"] = retried.Bool()
	}
	return report
}

// receive reads up to limit bytes, or to the end if limit is negative.
func receive(conn *tls.Conn, limit int64, report event) error {
	hash := sha256.New()
	var reader io.Reader = conn
	if limit >= 0 {
		reader = io.LimitReader(conn, limit)
	}
	count, err := io.Copy(hash, reader)
	report["bytes"] = count
	report["sha256"] = hex.EncodeToString(hash.Sum(nil))
	return err
}

// finish sends close_notify and reads to the peer's.
func finish(conn *tls.Conn, report event) {
	ended := "close_notify"
	if err := conn.CloseWrite(); err != nil {
		ended = "reset"
	}
	if _, err := io.Copy(io.Discard, conn); err != nil {
		ended = "fin"
	}
	conn.Close()
	if _, known := report["ended"]; !known {
		report["ended"] = ended
	}
}

func runClient(options map[string]string) {
	config := configuration(options)
	config.ClientSessionCache = tls.NewLRUClientSessionCache(8)
	payload, err := os.ReadFile(options["payload"])
	check(err)
	for i := 0; i < count(options); i++ {
		report, err := connectOnce(options, config, payload)
		if err != nil {
			report = event{"event": "connection", "error": err.Error()}
		}
		say(report)
	}
}

func connectOnce(options map[string]string, config *tls.Config, payload []byte) (event, error) {
	conn, err := tls.Dial("tcp", net.JoinHostPort("127.0.0.1", options["port"]), config)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if _, err := conn.Write(payload); err != nil {
		return nil, err
	}
	if options["mode"] == "upload" {
		if err := conn.CloseWrite(); err != nil {
			return nil, err
		}
	}
	report := describe(conn)
	if err := receive(conn, -1, report); err != nil {
		return nil, err
	}
	finish(conn, report)
	return report, nil
}

func runServer(options map[string]string) {
	config := configuration(options)
	payload, err := os.ReadFile(options["payload"])
	check(err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	say(event{"event": "listening", "port": listener.Addr().(*net.TCPAddr).Port})
	lines := bufio.NewReader(os.Stdin)
	for i := 0; i < count(options); i++ {
		plain, err := listener.Accept()
		check(err)
		report, err := serveOnce(options, tls.Server(plain, config), payload, lines)
		if err != nil {
			report = event{"event": "connection", "error": err.Error()}
		}
		say(report)
	}
}

func serveOnce(options map[string]string, conn *tls.Conn, payload []byte, lines *bufio.Reader) (event, error) {
	defer conn.Close()
	if err := conn.Handshake(); err != nil {
		return nil, err
	}
	report := describe(conn)
	if options["mode"] == "sink" {
		// Nothing is read before the test says so.
		say(event{"event": "accepted"})
		lines.ReadString('\n')
		if err := receive(conn, -1, report); err != nil {
			report["ended"] = err.Error()
		}
		finish(conn, report)
		return report, nil
	}
	expected, err := strconv.ParseInt(options["expect"], 10, 64)
	check(err)
	if err := receive(conn, expected, report); err != nil {
		return nil, err
	}
	if _, err := conn.Write(payload); err != nil {
		return nil, err
	}
	finish(conn, report)
	return report, nil
}

func count(options map[string]string) int {
	number, err := strconv.Atoi(options["connections"])
	if err != nil {
		return 1
	}
	return number
}
