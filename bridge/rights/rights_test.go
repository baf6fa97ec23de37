package rights

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"directus-ircd/directus"
)

func TestSameRights(t *testing.T) {
	var s Shared
	made := func(name string) permissions { return permissions{name: {"read": {Access: "full"}}} }
	at := func(p permissions) uintptr { return reflect.ValueOf(p).Pointer() }
	first := s.of(made("a"))
	if at(s.of(made("a"))) != at(first) {
		t.Error("what is equal is kept twice")
	}
	if other := s.of(made("b")); at(other) == at(first) || other["b"] == nil {
		t.Errorf("got %v", other)
	}
	for i := range 2 * maxShared {
		s.of(made(fmt.Sprint(i)))
		s.of(made("a")) // is asked for, and stays
	}
	if at(s.of(made("a"))) != at(first) || len(s.sets) != maxShared {
		t.Errorf("%d are kept, the one in use among them: %v", len(s.sets), at(s.of(made("a"))) == at(first))
	}
	if s.of(nil) != nil {
		t.Error("nothing became something")
	}
}

// An answer about rights counts only when it is proven to be about the user.
func TestUnprovenRights(t *testing.T) {
	said := directus.Permissions{"messages": {"read": {Access: "full", Fields: []string{"*"}}}}
	c := NewCache(saying{&said}, &Shared{})
	prove := func(err error) func() error { return func() error { return err } }
	other := errors.New("the token is another user's")
	if err := c.Renew(t.Context(), prove(other)); !errors.Is(err, other) || c.last("messages").ReadsAll() || !c.ProvenAt().IsZero() || c.Changes() != 0 {
		t.Errorf("taken for the user's: %v, %v", c.last("messages"), err)
	}
	if err := c.Renew(t.Context(), prove(nil)); err != nil || !c.last("messages").ReadsAll() {
		t.Errorf("not taken: %v, %v", c.last("messages"), err)
	}
	proven, changes := c.ProvenAt(), c.Changes()
	said = directus.Permissions{}
	if err := c.Renew(t.Context(), prove(other)); err == nil || !c.last("messages").ReadsAll() || c.ProvenAt() != proven || c.Changes() != changes {
		t.Errorf("changed by what was said of another: %v, %v", c.last("messages"), err)
	}
}

// saying is an account of which Directus says something.
type saying struct{ all *directus.Permissions }

func (s saying) Permissions(context.Context) (directus.Permissions, error) { return *s.all, nil }
func (s saying) Administrator(context.Context) (bool, error)               { return false, nil }
