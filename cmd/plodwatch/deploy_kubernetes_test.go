package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestDeployKubernetes: what the objects refer to is there, commands and
// variables are known, and nothing runs as root.
func TestDeployKubernetes(t *testing.T) {
	kustomizations, err := filepath.Glob(filepath.Join(deployDir, "kubernetes", "*", "kustomization.yaml"))
	if err != nil || len(kustomizations) != 3 {
		t.Fatalf("%d kustomizations: %v", len(kustomizations), err)
	}
	for _, k := range kustomizations {
		dir := filepath.Join("kubernetes", filepath.Base(filepath.Dir(k)))
		t.Run(filepath.Base(dir), func(t *testing.T) {
			c := readCluster(t, dir)
			for _, o := range c.objects {
				if pod := podOf(o); pod != nil {
					t.Run(o.text("kind")+" "+o.text("metadata", "name"), func(t *testing.T) { c.checkPod(t, o, pod) })
				}
				c.checkSelector(t, o)
				c.checkScaled(t, o)
			}
		})
	}
}

// cluster is what a kustomization makes.
type cluster struct {
	model         *programModel
	kustomization object
	objects       []object
}

func readCluster(t *testing.T, dir string) *cluster {
	t.Helper()
	c := &cluster{model: modelOf(t), kustomization: documents(t, filepath.Join(dir, "kustomization.yaml"))[0]}
	used := c.kustomization.texts("resources")
	for _, patch := range c.kustomization.objects("patches") {
		used = append(used, patch.text("path"))
	}
	for _, name := range deployFiles(t) {
		base := filepath.Base(name)
		if filepath.Dir(name) == dir && base != "kustomization.yaml" && !slices.Contains(used, base) {
			t.Errorf("%s is not in the kustomization", name)
		}
	}
	c.objects = built(t, dir)
	for _, o := range c.objects {
		if o.text("apiVersion") == "" || o.text("kind") == "" || o.text("metadata", "name") == "" {
			t.Errorf("an object without kind or name: %v", o)
		}
	}
	return c
}

// find returns an object.
func (c *cluster) find(kind, name string) object {
	for _, o := range c.objects {
		if o.text("kind") == kind && o.text("metadata", "name") == name {
			return o
		}
	}
	return nil
}

func podOf(o object) object { return o.object("spec", "template") }

// checkSelector wants the selectors of services, budgets and sets to choose
// pods that are there.
func (c *cluster) checkSelector(t *testing.T, o object) {
	t.Helper()
	selector := o.object("spec", "selector")
	if m := selector.object("matchLabels"); m != nil {
		selector = m
	}
	if selector == nil {
		return
	}
	for _, other := range c.objects {
		if pod := podOf(other); pod != nil && hasLabels(pod, selector) {
			return
		}
	}
	t.Errorf("%s %s selects no pod", o.text("kind"), o.text("metadata", "name"))
}

func hasLabels(pod, selector object) bool {
	for k, v := range selector {
		if pod.object("metadata", "labels")[k] != v {
			return false
		}
	}
	return true
}

func (c *cluster) checkPod(t *testing.T, o, pod object) {
	spec := pod.object("spec")
	if spec.text("securityContext", "runAsNonRoot") != "true" || !nonRoot.MatchString(spec.text("securityContext", "runAsUser")+":"+spec.text("securityContext", "runAsGroup")) {
		t.Error("may run as root")
	}
	if spec.text("securityContext", "seccompProfile", "type") != "RuntimeDefault" || spec.text("automountServiceAccountToken") != "false" {
		t.Error("has no seccomp profile, or a token of the cluster")
	}
	if spec.text("enableServiceLinks") != "false" {
		t.Error("services put variables into its environment")
	}
	if c.find("ServiceAccount", spec.text("serviceAccountName")) == nil {
		t.Errorf("no service account %s", spec.text("serviceAccountName"))
	}
	volumes := map[string]bool{}
	for _, v := range spec.objects("volumes") {
		volumes[v.text("name")] = true
	}
	for _, v := range o.objects("spec", "volumeClaimTemplates") {
		volumes[v.text("metadata", "name")] = true
	}
	for _, container := range spec.objects("containers") {
		for _, m := range container.objects("volumeMounts") {
			if !volumes[m.text("name")] {
				t.Errorf("mounts volume %s, which is not there", m.text("name"))
			}
		}
		c.checkContainer(t, container)
		if o.text("kind") != "Job" {
			checkProbes(t, container)
		}
	}
	if o.text("kind") == "Deployment" {
		c.checkBudget(t, pod)
	}
}

func (c *cluster) checkContainer(t *testing.T, container object) {
	t.Helper()
	security := container.object("securityContext")
	if security.text("allowPrivilegeEscalation") != "false" || security.text("readOnlyRootFilesystem") != "true" ||
		!slices.Equal(security.texts("capabilities", "drop"), []string{"ALL"}) {
		t.Error("has more rights than it needs")
	}
	if container.text("resources", "limits", "memory") == "" || container.text("resources", "requests", "cpu") == "" {
		t.Error("does not say what it needs")
	}
	known := false
	for _, i := range c.kustomization.objects("images") {
		known = known || i.text("newName")+":"+i.text("newTag") == container.text("image")
	}
	if !known {
		t.Errorf("the kustomization does not name image %s", container.text("image"))
	}
	for _, e := range container.objects("env") {
		if !c.model.env[e.text("name")] {
			t.Errorf("plodwatch does not read %s", e.text("name"))
		}
	}
	for _, from := range container.objects("envFrom") {
		settings := c.find("ConfigMap", from.text("configMapRef", "name"))
		if settings == nil {
			t.Errorf("no ConfigMap %s", from.text("configMapRef", "name"))
		}
		for v := range settings.object("data") {
			if !c.model.env[v] {
				t.Errorf("plodwatch does not read %s", v)
			}
		}
	}
	wantParsed(t, container.text("name"), container.texts("args"))
}

// checkProbes wants probes at the port that is listened on.
func checkProbes(t *testing.T, container object) {
	t.Helper()
	ports := map[string]string{}
	for _, p := range container.objects("ports") {
		ports[p.text("name")] = p.text("containerPort")
	}
	args := container.texts("args")
	i := slices.Index(args, "--listen")
	if i < 0 {
		t.Fatal("listens where nobody reaches it")
	}
	for probe, path := range map[string]string{"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"} {
		get := container.object(probe, "httpGet")
		if get.text("path") != path || !strings.HasSuffix(args[i+1], ":"+ports[get.text("port")]) {
			t.Errorf("%s asks %v, it listens on %s", probe, get, args[i+1])
		}
	}
}

// checkScaled wants an autoscaler to scale something that is there and has no
// number of its own, and whose use of the CPU can be told.
func (c *cluster) checkScaled(t *testing.T, o object) {
	t.Helper()
	if o.text("kind") != "HorizontalPodAutoscaler" {
		return
	}
	target := c.find(o.text("spec", "scaleTargetRef", "kind"), o.text("spec", "scaleTargetRef", "name"))
	if target == nil || target.at("spec", "replicas") != nil {
		t.Errorf("%s scales what is not there, or has a number of its own", o.text("metadata", "name"))
		return
	}
	for _, container := range podOf(target).objects("spec", "containers") {
		if container.text("resources", "requests", "cpu") == "" {
			t.Errorf("%s scales by a CPU that is not asked for", o.text("metadata", "name"))
		}
	}
}

// checkBudget wants a budget for the pods of a deployment.
func (c *cluster) checkBudget(t *testing.T, pod object) {
	t.Helper()
	for _, o := range c.objects {
		if o.text("kind") == "PodDisruptionBudget" && hasLabels(pod, o.object("spec", "selector", "matchLabels")) {
			return
		}
	}
	t.Error("has no disruption budget")
}
