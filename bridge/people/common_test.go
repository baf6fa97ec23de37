package people

import (
	"testing"
	"time"
)

// Names are given to nobody who reads something else, not beyond their time, and not when they
// were read by somebody whose rights have changed.
func TestCommonNames(t *testing.T) {
	var c commonNames
	ada := named("aaaa1111", "Ada")
	has := func(key string) bool {
		people := map[string]Person{}
		missing := c.add(people, key, []string{ada.ID})
		if (len(missing) == 0) != (people[ada.ID].name == "Ada") {
			t.Errorf("%v, and %q are missing", people, missing)
		}
		return len(missing) == 0
	}
	c.keep("all", []Person{ada}, time.Now().Add(time.Hour))
	if !has("all") || has("less") {
		t.Error("the name is not known to those, and those alone, who read the same")
	}
	c.keep("less", []Person{ada}, time.Now().Add(-time.Second))
	if has("less") {
		t.Error("a name is known for longer than it should")
	}
	c.forget("all")
	if has("all") || c.count != 1 {
		t.Errorf("it was not forgotten, and %d are counted", c.count)
	}
	for i := range 3 * maxNames {
		c.keep("all", []Person{{ID: string(rune('0'+i%10)) + time.Duration(i).String()}}, time.Now().Add(time.Hour))
	}
	if c.count > maxNames || c.count != len(c.known["all"])+len(c.known["less"]) {
		t.Errorf("%d are counted, %d known", c.count, len(c.known["all"]))
	}
}
