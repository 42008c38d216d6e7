// Compiles AuthorizationPolicies by istiod's own code.
//
// Each line of standard input is a question as JSON: what is enforced at one place? Each line of standard
// output answers one, with the RBAC filters that Envoy would be given, in their order.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"

	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/encoding/protojson"

	security "istio.io/client-go/pkg/apis/security/v1"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/pkg/security/authz/builder"
	"istio.io/istio/pilot/pkg/security/trustdomain"
	"istio.io/istio/pilot/pkg/serviceregistry/provider"
	"istio.io/istio/pkg/config/labels"
)

const (
	rootNamespace = "istio-system"
	trustDomain   = "cluster.local"
	gatewayName   = "gateway.networking.k8s.io/gateway-name"
)

type question struct {
	// Policies are all that there are in the cluster.
	Policies []*security.AuthorizationPolicy `json:"policies"`
	// Service is the place, as its waypoint guards it.
	Service *struct {
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
		Waypoint  struct {
			Namespace string `json:"namespace"`
			Name      string `json:"name"`
		} `json:"waypoint"`
	} `json:"service"`
	// Pod is the place, where only TCP is known.
	Pod *struct {
		Namespace string            `json:"namespace"`
		Labels    map[string]string `json:"labels"`
	} `json:"pod"`
}

func main() {
	questions := json.NewDecoder(bufio.NewReader(os.Stdin))
	answers := json.NewEncoder(os.Stdout)
	for {
		var asked question
		if err := questions.Decode(&asked); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			log.Fatalf("this is not a question: %v", err)
		}
		filters := []json.RawMessage{}
		for _, filter := range asked.filters() {
			config, err := filter.GetTypedConfig().UnmarshalNew()
			if err != nil {
				log.Fatal(err)
			}
			text, err := protojson.Marshal(config)
			if err != nil {
				log.Fatal(err)
			}
			filters = append(filters, text)
		}
		if err := answers.Encode(filters); err != nil {
			log.Fatal(err)
		}
	}
}

func (q *question) filters() []*hcm.HttpFilter {
	bundle := trustdomain.NewBundle(trustDomain, nil)
	compiler := builder.New(bundle, nil, q.enforced(), builder.Option{})
	switch {
	case compiler == nil:
		return nil
	case q.Pod != nil:
		// The same rules as in filters for TCP, in a form that takes its place among those for HTTP.
		return compiler.BuildTCPRulesAsHTTPFilter()
	default:
		return compiler.BuildHTTP()
	}
}

func (q *question) enforced() model.AuthorizationPoliciesResult {
	all := model.AuthorizationPolicies{
		RootNamespace:       rootNamespace,
		NamespaceToPolicies: map[string][]model.AuthorizationPolicy{},
	}
	for _, policy := range q.Policies {
		all.NamespaceToPolicies[policy.Namespace] = append(
			all.NamespaceToPolicies[policy.Namespace],
			model.AuthorizationPolicy{
				Name:        policy.Name,
				Namespace:   policy.Namespace,
				Annotations: policy.Annotations,
				Spec:        &policy.Spec,
			},
		)
	}
	return all.ListAuthorizationPolicies(q.matcher().WithRootNamespace(rootNamespace))
}

func (q *question) matcher() model.WorkloadPolicyMatcher {
	if q.Pod != nil {
		return model.PolicyMatcherFor(q.Pod.Namespace, q.Pod.Labels, false)
	}
	waypoint := q.Service.Waypoint
	matcher := model.PolicyMatcherFor(waypoint.Namespace, labels.Instance{gatewayName: waypoint.Name}, true)
	matcher.Services = []model.ServiceInfoForPolicyMatcher{
		{Name: q.Service.Name, Namespace: q.Service.Namespace, Registry: provider.Kubernetes},
	}
	return matcher
}
