// Evaluates LogQL with Loki's own code: a question a line comes in as JSON, an answer a line goes out.
package main

import (
	"encoding/json"
	"os"
	"sort"

	"github.com/grafana/loki/v3/pkg/logql/log"
	"github.com/grafana/loki/v3/pkg/logql/syntax"
	"github.com/prometheus/prometheus/model/labels"
)

type question struct {
	Query  string            `json:"query"`
	Stream map[string]string `json:"stream"`
	Lines  []string          `json:"lines"`
}

type answer struct {
	// Why Loki refuses the query; empty if it does not.
	Error string `json:"error"`
	// The labels of each line that is kept, or of each group that a metric has a sample in.
	Found []map[string]string `json:"found"`
}

func main() {
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for in.More() {
		var asked question
		if err := in.Decode(&asked); err != nil {
			panic(err)
		}
		found, err := ask(asked)
		reply := answer{Found: found}
		if err != nil {
			reply.Error = err.Error()
		}
		if err := out.Encode(reply); err != nil {
			panic(err)
		}
	}
}

func ask(asked question) ([]map[string]string, error) {
	parsed, err := syntax.ParseExpr(asked.Query)
	if err != nil {
		return nil, err
	}
	stream := labels.FromMap(asked.Stream)
	switch query := parsed.(type) {
	case syntax.LogSelectorExpr:
		if !matches(query.Matchers(), stream) {
			return nil, nil
		}
		return lines(query, stream, asked.Lines)
	case syntax.SampleExpr:
		return groups(query, stream, asked.Lines)
	}
	return nil, nil
}

func lines(query syntax.LogSelectorExpr, stream labels.Labels, lines []string) ([]map[string]string, error) {
	pipeline, err := query.Pipeline()
	if err != nil {
		return nil, err
	}
	var found []map[string]string
	ofStream := pipeline.ForStream(stream)
	for _, line := range lines {
		if _, its, kept := ofStream.ProcessString(0, line, labels.EmptyLabels()); kept {
			found = append(found, its.Labels().Map())
		}
	}
	return found, nil
}

func groups(query syntax.SampleExpr, stream labels.Labels, lines []string) ([]map[string]string, error) {
	selector, err := query.Selector()
	if err != nil {
		return nil, err
	}
	if !matches(selector.Matchers(), stream) {
		return nil, nil
	}
	extractors, err := query.Extractors()
	if err != nil {
		return nil, err
	}
	grouping := groupingOf(query)
	found := map[string]map[string]string{}
	for _, extractor := range extractors {
		ofStream := extractor.ForStream(stream)
		for _, line := range lines {
			samples, _ := ofStream.ProcessString(0, line, labels.EmptyLabels())
			for _, sample := range samples {
				group := grouped(sample.Labels, grouping)
				found[group.String()] = group.Map()
			}
		}
	}
	names := make([]string, 0, len(found))
	for name := range found {
		names = append(names, name)
	}
	sort.Strings(names)
	var inOrder []map[string]string
	for _, name := range names {
		inOrder = append(inOrder, found[name])
	}
	return inOrder, nil
}

// groupingOf is by what the outermost aggregation of a query groups; nil if by nothing.
func groupingOf(query syntax.SampleExpr) []string {
	var found []string
	query.Walk(func(each syntax.Expr) bool {
		switch aggregation := each.(type) {
		case *syntax.VectorAggregationExpr:
			if found == nil && aggregation.Grouping != nil {
				found = aggregation.Grouping.Groups
			}
		case *syntax.RangeAggregationExpr:
			if found == nil && aggregation.Grouping != nil {
				found = aggregation.Grouping.Groups
			}
		}
		return true
	})
	return found
}

func grouped(its log.LabelsResult, by []string) labels.Labels {
	return labels.NewBuilder(its.Labels()).Keep(by...).Labels()
}

func matches(matchers []*labels.Matcher, stream labels.Labels) bool {
	for _, matcher := range matchers {
		if !matcher.Matches(stream.Get(matcher.Name)) {
			return false
		}
	}
	return true
}
