package workflows

import (
	"context"
	"fmt"
	"strings"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/workflow"
)

// codec turns every byte round, so that nobody reads it who does not know how.
type codec struct{}

const encoding = "binary/turned-round"

func (codec) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	encoded := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		bytes, err := p.Marshal()
		if err != nil {
			return payloads, err
		}
		encoded[i] = &commonpb.Payload{
			Metadata: map[string][]byte{converter.MetadataEncoding: []byte(encoding)}, Data: turned(bytes),
		}
	}
	return encoded, nil
}

func (codec) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	decoded := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		if string(p.Metadata[converter.MetadataEncoding]) != encoding {
			decoded[i] = p
			continue
		}
		decoded[i] = &commonpb.Payload{}
		if err := decoded[i].Unmarshal(turned(p.Data)); err != nil {
			return payloads, err
		}
	}
	return decoded, nil
}

func turned(bytes []byte) []byte {
	out := make([]byte, len(bytes))
	for i, b := range bytes {
		out[i] = ^b
	}
	return out
}

type contextKey struct{}

// WithTenant puts a tenant into a context, from where it travels in headers.
func WithTenant(ctx context.Context, tenant string) context.Context {
	return context.WithValue(ctx, contextKey{}, tenant)
}

// propagator carries the tenant along.
type propagator struct{}

const tenantHeader = "tenant"

func (propagator) Inject(ctx context.Context, writer workflow.HeaderWriter) error {
	return inject(ctx.Value(contextKey{}), writer)
}

func (propagator) InjectFromWorkflow(ctx workflow.Context, writer workflow.HeaderWriter) error {
	return inject(ctx.Value(contextKey{}), writer)
}

func inject(value any, writer workflow.HeaderWriter) error {
	if value == nil {
		return nil
	}
	payload, err := converter.GetDefaultDataConverter().ToPayload(value)
	if err != nil {
		return err
	}
	writer.Set(tenantHeader, payload)
	return nil
}

func extract(reader workflow.HeaderReader) (tenant string, err error) {
	if payload, has := reader.Get(tenantHeader); has {
		err = converter.GetDefaultDataConverter().FromPayload(payload, &tenant)
	}
	return tenant, err
}

func (propagator) Extract(ctx context.Context, reader workflow.HeaderReader) (context.Context, error) {
	tenant, err := extract(reader)
	return WithTenant(ctx, tenant), err
}

func (propagator) ExtractToWorkflow(ctx workflow.Context, reader workflow.HeaderReader) (workflow.Context, error) {
	tenant, err := extract(reader)
	return workflow.WithValue(ctx, contextKey{}, tenant), err
}

// tagging is an interceptor that changes what passes it: names given with a "*" in front
// are greeted in capitals.
type tagging struct{ interceptor.InterceptorBase }

func (t *tagging) InterceptWorkflow(ctx workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	inbound := &taggingInbound{}
	inbound.Next = next
	return inbound
}

type taggingInbound struct {
	interceptor.WorkflowInboundInterceptorBase
}

func (i *taggingInbound) ExecuteWorkflow(ctx workflow.Context, in *interceptor.ExecuteWorkflowInput) (any, error) {
	if len(in.Args) == 1 {
		if name, ok := in.Args[0].(string); ok && strings.HasPrefix(name, "*") {
			in.Args[0] = strings.ToUpper(name[1:])
		}
	}
	result, err := i.Next.ExecuteWorkflow(ctx, in)
	if text, ok := result.(string); ok && strings.HasPrefix(text, "tag me: ") {
		return fmt.Sprintf("[%s]", strings.TrimPrefix(text, "tag me: ")), err
	}
	return result, err
}
