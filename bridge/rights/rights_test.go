package rights

import (
	"fmt"
	"reflect"
	"testing"
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
