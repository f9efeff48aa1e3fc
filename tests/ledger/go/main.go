// Verifies a folder of tiles with Go's own sumdb libraries, the code behind go.sum; nothing of ours is in it.
//
//	verify FOLDER LOGKEY WITNESSKEY,… QUORUM OLDCHECKPOINT|- LEAF…
//
// Prints "ok SIZE ROOT" or the reason. note.NewVerifier knows no witness keys (type 4): there is a verifier below.
package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type witness struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (w witness) Name() string    { return w.name }
func (w witness) KeyHash() uint32 { return w.hash }
func (w witness) Verify(msg, sig []byte) bool {
	if len(sig) != 72 {
		return false
	}
	text := fmt.Sprintf("cosignature/v1\ntime %d\n%s", binary.BigEndian.Uint64(sig), msg)
	return ed25519.Verify(w.key, []byte(text), sig[8:])
}

func newWitness(vkey string) (witness, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return witness{}, fmt.Errorf("malformed witness key")
	}
	raw, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(raw) != 33 || raw[0] != 4 {
		return witness{}, fmt.Errorf("malformed witness key")
	}
	sum := sha256.Sum256(append([]byte(parts[0]+"\n"), raw...))
	w := witness{parts[0], binary.BigEndian.Uint32(sum[:]), ed25519.PublicKey(raw[1:])}
	if fmt.Sprintf("%08x", w.hash) != parts[1] {
		return witness{}, fmt.Errorf("key id of witness %s", w.name)
	}
	return w, nil
}

type folder string

func (f folder) Height() int                     { return 8 }
func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}
func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, t := range tiles {
		data, err := os.ReadFile(filepath.Join(string(f), "tile", strings.TrimPrefix(t.Path(), "tile/8/")))
		if err != nil {
			return nil, err
		}
		out = append(out, data)
	}
	return out, nil
}

func (f folder) leaf(n, size int64) ([]byte, error) {
	tile := tlog.Tile{H: 8, L: -1, N: n / 256, W: 256}
	if left := size - tile.N*256; left < 256 {
		tile.W = int(left)
	}
	path := strings.TrimPrefix(tile.Path(), "tile/8/data/")
	data, err := os.ReadFile(filepath.Join(string(f), "tile/entries", path))
	for i := n % 256; err == nil && len(data) >= 2; i-- {
		length := int(binary.BigEndian.Uint16(data))
		if len(data) < 2+length {
			break
		}
		if i == 0 {
			return data[2 : 2+length], nil
		}
		data = data[2+length:]
	}
	return nil, fmt.Errorf("no leaf %d: %v", n, err)
}

func open(path string, log note.Verifier, witnesses []note.Verifier, quorum int) (tlog.Tree, error) {
	var tree tlog.Tree
	data, err := os.ReadFile(path)
	if err != nil {
		return tree, err
	}
	n, err := note.Open(data, note.VerifierList(append(witnesses, log)...))
	if err != nil {
		return tree, err
	}
	signed, cosigned := false, 0
	for _, s := range n.Sigs {
		if s.Name == log.Name() && s.Hash == log.KeyHash() {
			signed = true
		} else {
			cosigned++
		}
	}
	if !signed || cosigned < quorum {
		return tree, fmt.Errorf("signed by the log: %v; by %d of %d witnesses", signed, cosigned, quorum)
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) < 4 || lines[0] != log.Name() {
		return tree, fmt.Errorf("malformed checkpoint")
	}
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return tree, err
	}
	tree.Hash, err = tlog.ParseHash(lines[2])
	return tree, err
}

func run(args []string) error {
	log, err := note.NewVerifier(args[1])
	if err != nil {
		return err
	}
	var witnesses []note.Verifier
	for _, vkey := range strings.FieldsFunc(args[2], func(r rune) bool { return r == ',' }) {
		w, err := newWitness(vkey)
		if err != nil {
			return err
		}
		witnesses = append(witnesses, w)
	}
	quorum, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	f := folder(args[0])
	tree, err := open(filepath.Join(args[0], "checkpoint"), log, witnesses, quorum)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	hashes := tlog.TileHashReader(tree, f)
	if args[4] != "-" {
		old, err := open(args[4], log, nil, 0)
		if err != nil {
			return fmt.Errorf("old checkpoint: %w", err)
		}
		proof, err := tlog.ProveTree(tree.N, old.N, hashes)
		if err != nil {
			return fmt.Errorf("consistency: %w", err)
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash); err != nil {
			return fmt.Errorf("consistency: %w", err)
		}
	}
	for _, arg := range args[5:] {
		n, err := strconv.ParseInt(arg, 10, 64)
		if err != nil {
			return err
		}
		data, err := f.leaf(n, tree.N)
		if err != nil {
			return err
		}
		proof, err := tlog.ProveRecord(tree.N, n, hashes)
		if err != nil {
			return fmt.Errorf("leaf %d: %w", n, err)
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, n, tlog.RecordHash(data)); err != nil {
			return fmt.Errorf("leaf %d: %w", n, err)
		}
	}
	fmt.Println("ok", tree.N, tree.Hash)
	return nil
}

func main() {
	if len(os.Args) < 6 {
		fmt.Fprintln(os.Stderr, "verify FOLDER LOGKEY WITNESSKEYS QUORUM OLDCHECKPOINT|- LEAF...")
		os.Exit(2)
	}
	if err := run(os.Args[1:]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
