// Package ldaptest is a directory for tests: an LDAP server (RFC 4511) with simple bind, and
// search by an equality filter, which is what the ldap driver of Directus asks for.
package ldaptest

import (
	"errors"
	"io"
	"maps"
	"net"
	"strings"
	"sync"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
)

// Names of the directory.
const (
	BindDN       = "cn=directus,dc=example"
	BindPassword = "bind-password"
	People       = "ou=people,dc=example"
)

// Result codes of RFC 4511, appendix A.
const (
	success             = 0
	protocolError       = 2
	ConstraintViolation = 19 // some servers answer so for an account that they have locked
	noSuchObject        = 32
	invalidCredentials  = 49
)

// Tags of protocol operations.
const (
	bindRequest    ber.Tag = 0
	bindResponse   ber.Tag = 1
	unbindRequest  ber.Tag = 2
	searchRequest  ber.Tag = 3
	searchEntry    ber.Tag = 4
	searchDone     ber.Tag = 5
	equalityFilter ber.Tag = 3
)

// Person is an entry of People.
type Person struct {
	UID, Mail, First, Last, Password string
	Disabled                         bool // userAccountControl of Active Directory says so
	Answer                           int  // the result code of every bind, unless 0
}

// Server is a directory. Its methods may be called from any goroutine.
type Server struct {
	t       testing.TB
	address string
	serving sync.WaitGroup

	mu     sync.Mutex // guards what follows
	ln     net.Listener
	conns  map[net.Conn]struct{}
	people map[string]Person // by uid
	binds  map[string]int    // by DN
}

// Start starts an empty directory, until the end of the test.
func Start(t testing.TB) *Server {
	s := &Server{t: t, address: "127.0.0.1:0", conns: map[net.Conn]struct{}{}, people: map[string]Person{}, binds: map[string]int{}}
	s.Up()
	s.address = s.ln.Addr().String()
	t.Cleanup(s.Down)
	return s
}

// Env is the environment that makes the directory a login provider of Directus. Without
// "string:" Directus 10 takes a DN for a list.
func (s *Server) Env(provider string) map[string]string {
	prefix := "AUTH_" + strings.ToUpper(provider) + "_"
	return map[string]string{
		"AUTH_PROVIDERS": provider, prefix + "DRIVER": "ldap", prefix + "CLIENT_URL": "ldap://" + s.address,
		prefix + "BIND_DN": "string:" + BindDN, prefix + "BIND_PASSWORD": BindPassword,
		prefix + "USER_DN": "string:" + People, prefix + "USER_ATTRIBUTE": "uid",
	}
}

// Put adds a person, or replaces the one of the same UID.
func (s *Server) Put(p Person) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.people[p.UID] = p
}

// Binds is how often a password of a person was asked about.
func (s *Server) Binds(uid string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.binds[dn(uid)]
}

// Up ends Down.
func (s *Server) Up() {
	ln, err := net.Listen("tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ln = ln
	s.serving.Go(func() { s.accept(ln) })
}

// Down closes all connections and refuses new ones.
func (s *Server) Down() {
	s.mu.Lock()
	s.ln.Close()
	for c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	s.serving.Wait()
}

func (s *Server) accept(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns[c] = struct{}{}
		s.mu.Unlock()
		s.serving.Go(func() {
			defer func() {
				c.Close()
				s.mu.Lock()
				defer s.mu.Unlock()
				delete(s.conns, c)
			}()
			if err := s.serve(c); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
				s.t.Logf("directory: %v", err)
			}
		})
	}
}

// serve answers the requests of a connection, until it ends.
func (s *Server) serve(c net.Conn) error {
	for {
		message, err := ber.ReadPacket(c)
		if err != nil {
			return err
		}
		if len(message.Children) < 2 {
			return errors.New("no LDAP message")
		}
		id, op := message.Children[0].Value.(int64), message.Children[1]
		var answers []*ber.Packet
		switch op.Tag {
		case bindRequest:
			answers = append(answers, result(bindResponse, s.bind(op)))
		case searchRequest:
			answers = s.search(op)
		case unbindRequest:
			return nil
		default:
			answers = append(answers, result(op.Tag+1, protocolError))
		}
		for _, a := range answers {
			envelope := ber.NewSequence("LDAPMessage")
			envelope.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, "messageID"))
			envelope.AppendChild(a)
			if _, err := c.Write(envelope.Bytes()); err != nil {
				return err
			}
		}
	}
}

// bind checks a name and a password.
func (s *Server) bind(op *ber.Packet) (code int) {
	name, password := op.Children[1].Data.String(), op.Children[2].Data.String()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.binds[name]++
	if strings.EqualFold(name, BindDN) && password == BindPassword {
		return success
	}
	for _, p := range s.people {
		if !strings.EqualFold(name, dn(p.UID)) {
			continue
		}
		if p.Answer != 0 {
			return p.Answer
		}
		if p.Password != "" && p.Password == password {
			return success
		}
	}
	return invalidCredentials
}

// search returns the entries that match, and the end of the list.
func (s *Server) search(op *ber.Packet) []*ber.Packet {
	base, filter := op.Children[0].Data.String(), op.Children[6]
	if strings.EqualFold(base, BindDN) {
		return []*ber.Packet{entry(BindDN, map[string]string{"cn": "directus"}), result(searchDone, success)}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []*ber.Packet
	for _, p := range s.people {
		if strings.EqualFold(base, dn(p.UID)) || strings.EqualFold(base, People) && matches(p, filter) {
			found = append(found, entry(dn(p.UID), p.attributes()))
		}
	}
	if len(found) == 0 && !strings.EqualFold(base, People) {
		return []*ber.Packet{result(searchDone, noSuchObject)}
	}
	return append(found, result(searchDone, success))
}

// matches compares as caseIgnoreMatch does (RFC 4517, 4.2.11): without regard to case and to
// how many spaces there are.
func matches(p Person, filter *ber.Packet) bool {
	if filter.Tag != equalityFilter || len(filter.Children) != 2 {
		return false
	}
	fold := func(v string) string { return strings.ToLower(strings.Join(strings.Fields(v), " ")) }
	value, ok := p.attributes()[filter.Children[0].Data.String()]
	return ok && fold(value) == fold(filter.Children[1].Data.String())
}

// DN is the name of the entry: the external_identifier of the user in Directus.
func (p Person) DN() string { return dn(p.UID) }

func dn(uid string) string { return "uid=" + uid + "," + People }

func (p Person) attributes() map[string]string {
	list := map[string]string{"uid": p.UID, "cn": p.First + " " + p.Last, "givenName": p.First, "sn": p.Last, "mail": p.Mail}
	if p.Disabled {
		list["userAccountControl"] = "514"
	}
	maps.DeleteFunc(list, func(_, value string) bool { return value == "" })
	return list
}

func result(tag ber.Tag, code int) *ber.Packet {
	p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "LDAPResult")
	p.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, code, "resultCode"))
	p.AppendChild(text(""))
	p.AppendChild(text(""))
	return p
}

func entry(name string, attributes map[string]string) *ber.Packet {
	list := ber.NewSequence("attributes")
	for name, value := range attributes {
		values := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "vals")
		values.AppendChild(text(value))
		attribute := ber.NewSequence("attribute")
		attribute.AppendChild(text(name))
		attribute.AppendChild(values)
		list.AppendChild(attribute)
	}
	p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, searchEntry, nil, "SearchResultEntry")
	p.AppendChild(text(name))
	p.AppendChild(list)
	return p
}

func text(s string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, s, "string")
}
