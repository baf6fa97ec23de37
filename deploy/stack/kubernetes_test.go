package stack

import (
	"errors"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/ircd/ircdtest"
)

// meta is what all objects have. The types here have the fields that kubernetes.yaml uses: any other is a mistake.
type meta struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct {
		Name   string
		Labels map[string]string
	}
}

type configMap struct {
	meta `yaml:",inline"`
	Data map[string]string
}

type claim struct {
	meta `yaml:",inline"`
	Spec struct {
		AccessModes []string `yaml:"accessModes"`
		Resources   resources
	}
}

type resources struct{ Requests, Limits map[string]string }

type service struct {
	meta `yaml:",inline"`
	Spec struct {
		Type                  string
		ExternalTrafficPolicy string `yaml:"externalTrafficPolicy"`
		Selector              map[string]string
		Ports                 []struct {
			Name       string
			Port       int
			TargetPort string `yaml:"targetPort"`
		}
	}
}

type deployment struct {
	meta `yaml:",inline"`
	Spec struct {
		Replicas int
		Strategy struct{ Type string }
		Selector struct {
			MatchLabels map[string]string `yaml:"matchLabels"`
		}
		Template struct {
			Metadata struct{ Labels map[string]string }
			Spec     pod
		}
	}
}

type pod struct {
	AutomountServiceAccountToken  bool `yaml:"automountServiceAccountToken"`
	EnableServiceLinks            bool `yaml:"enableServiceLinks"`
	TerminationGracePeriodSeconds int  `yaml:"terminationGracePeriodSeconds"`
	SecurityContext               struct {
		RunAsNonRoot   bool                  `yaml:"runAsNonRoot"`
		RunAsUser      int                   `yaml:"runAsUser"`
		RunAsGroup     int                   `yaml:"runAsGroup"`
		FSGroup        int                   `yaml:"fsGroup"`
		SeccompProfile struct{ Type string } `yaml:"seccompProfile"`
	} `yaml:"securityContext"`
	Containers []container
	Volumes    []struct {
		Name      string
		ConfigMap struct{ Name string } `yaml:"configMap"`
		Secret    struct {
			SecretName string `yaml:"secretName"`
		}
		PersistentVolumeClaim struct {
			ClaimName string `yaml:"claimName"`
		} `yaml:"persistentVolumeClaim"`
	}
}

type container struct {
	Name, Image string
	Ports       []struct {
		Name          string
		ContainerPort int `yaml:"containerPort"`
	}
	ReadinessProbe  probe `yaml:"readinessProbe"`
	LivenessProbe   probe `yaml:"livenessProbe"`
	Resources       resources
	SecurityContext struct {
		AllowPrivilegeEscalation bool `yaml:"allowPrivilegeEscalation"`
		ReadOnlyRootFilesystem   bool `yaml:"readOnlyRootFilesystem"`
		Capabilities             struct{ Drop []string }
	} `yaml:"securityContext"`
	VolumeMounts []struct {
		Name      string
		MountPath string `yaml:"mountPath"`
		ReadOnly  bool   `yaml:"readOnly"`
	} `yaml:"volumeMounts"`
}

type probe struct {
	HTTPGet        struct{ Path, Port string } `yaml:"httpGet"`
	PeriodSeconds  int                         `yaml:"periodSeconds"`
	TimeoutSeconds int                         `yaml:"timeoutSeconds"`
}

// objects is kubernetes.yaml.
type objects struct {
	config     configMap
	claim      claim
	deployment deployment
	services   []service
}

func readObjects(t *testing.T) (o objects) {
	t.Helper()
	versions := map[string]string{"ConfigMap": "v1", "PersistentVolumeClaim": "v1", "Service": "v1", "Deployment": "apps/v1"}
	documents := yaml.NewDecoder(strings.NewReader(read(t, "../kubernetes.yaml")))
	for {
		var document yaml.Node
		err := documents.Decode(&document)
		if errors.Is(err, io.EOF) {
			return o
		}
		var m meta
		if err != nil || document.Decode(&m) != nil {
			t.Fatal(err)
		}
		if m.APIVersion == "" || versions[m.Kind] != m.APIVersion {
			t.Errorf("there is no %s of %q", m.Kind, m.APIVersion)
		}
		text, err := yaml.Marshal(&document)
		if err != nil {
			t.Fatal(err)
		}
		strict := yaml.NewDecoder(strings.NewReader(string(text)))
		strict.KnownFields(true)
		var s service
		switch m.Kind {
		case "ConfigMap":
			err = strict.Decode(&o.config)
		case "PersistentVolumeClaim":
			err = strict.Decode(&o.claim)
		case "Deployment":
			err = strict.Decode(&o.deployment)
		case "Service":
			err = strict.Decode(&s)
			o.services = append(o.services, s)
		}
		if err != nil {
			t.Errorf("%s %s: %v", m.Kind, m.Metadata.Name, err)
		}
	}
}

// TestKubernetes holds the objects against each other and against the configuration of the daemon in them.
func TestKubernetes(t *testing.T) {
	o := readObjects(t)
	secret := t.TempDir() // in place of the one that is mounted at /tls
	cert, key := ircdtest.WriteCertificate(t, secret, 1, time.Hour)
	if err := errors.Join(os.Rename(cert, secret+"/tls.crt"), os.Rename(key, secret+"/tls.key")); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Parse("", []byte(strings.ReplaceAll(o.config.Data["config.yaml"], " /tls/", " "+secret+"/")))
	if err != nil {
		t.Fatal(err)
	}
	spec := o.deployment.Spec
	if spec.Replicas != 1 || spec.Strategy.Type != "Recreate" {
		t.Errorf("replicas: %d, strategy: %s", spec.Replicas, spec.Strategy.Type)
	}
	pod := spec.Template.Spec
	c := pod.Containers[0]

	listening := map[string]string{port(t, cfg.Metrics.Address): "metrics"}
	for _, l := range cfg.Listen {
		listening[port(t, l.Address)] = "a listener"
	}
	ports := map[string]bool{}
	for _, p := range c.Ports {
		ports[p.Name] = true
		number := strconv.Itoa(p.ContainerPort)
		if listening[number] == "" {
			t.Errorf("the daemon does not listen at %s", number)
		}
		if (listening[number] == "metrics") != (p.Name == "metrics") {
			t.Errorf("port %s is called %s", number, p.Name)
		}
	}
	if len(ports) != len(listening) {
		t.Errorf("the ports are %v, the daemon listens at %v", ports, listening)
	}
	for name, probe := range map[string]probe{"readiness": c.ReadinessProbe, "liveness": c.LivenessProbe} {
		if probe.HTTPGet.Port != "metrics" || probe.HTTPGet.Path != "/healthz" {
			t.Errorf("%s asks %v", name, probe.HTTPGet)
		}
	}
	for _, labels := range []map[string]string{spec.Selector.MatchLabels, o.services[0].Spec.Selector, o.services[1].Spec.Selector} {
		for key, value := range labels {
			if spec.Template.Metadata.Labels[key] != value {
				t.Errorf("no pod has %s=%s", key, value)
			}
		}
	}
	for _, s := range o.services {
		for _, p := range s.Spec.Ports {
			if !ports[p.TargetPort] || p.TargetPort == "metrics" {
				t.Errorf("service %s leads to port %s", s.Metadata.Name, p.TargetPort)
			}
		}
	}
	if s := pod.SecurityContext; !s.RunAsNonRoot || s.RunAsUser != 65532 || s.FSGroup != s.RunAsGroup || !c.SecurityContext.ReadOnlyRootFilesystem {
		t.Errorf("the pod runs as %+v", s)
	}

	// Each folder that the daemon uses comes from a volume.
	from := map[string]string{}
	for _, m := range c.VolumeMounts {
		from[m.Name] = m.MountPath
	}
	for _, v := range pod.Volumes {
		path := from[v.Name]
		delete(from, v.Name)
		switch {
		case v.ConfigMap.Name == o.config.Metadata.Name && path == "/etc/directus-ircd":
		case v.PersistentVolumeClaim.ClaimName == o.claim.Metadata.Name && path == cfg.Resume.Directory:
		case v.Secret.SecretName != "" && slices.ContainsFunc(cfg.Listen, func(l config.Listener) bool {
			return path == "/tls" && l.TLS.Cert == secret+"/tls.crt" && l.TLS.Key == secret+"/tls.key"
		}):
			if !strings.Contains(read(t, "../kubernetes.yaml"), "kubectl create secret tls "+v.Secret.SecretName+" ") {
				t.Errorf("the head of the file does not make the Secret %s", v.Secret.SecretName)
			}
		default:
			t.Errorf("nothing needs volume %s at %q", v.Name, path)
		}
	}
	if len(from) > 0 {
		t.Errorf("mounts of no volume: %v", from)
	}
}
