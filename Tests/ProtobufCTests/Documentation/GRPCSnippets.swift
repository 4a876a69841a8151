import GRPC
import GRPCTransport
import Logging
import WellKnownTypes

// What stands between `// snippet: PAGE` and `// end` is a block of code of that page, in its order;
// DocumentationTests compares the two.

func documentedCompression() -> (Router, CallOptions) {
  // snippet: GRPC/Compression
  var router = Router()
  router.responseEncoding = .gzip
  // end
  // snippet: GRPC/Compression
  var options = CallOptions()
  options.requestEncoding = .gzip
  // end
  return (router, options)
}

func documentedError() throws {
  // snippet: GRPC/Errors
  throw RPCError(.notFound, "there is no job 'nightly'")
  // end
}

func documentedDetails() throws {
  // snippet: GRPC/Errors
  throw RPCError(
    .resourceExhausted, "too many jobs",
    attaching: [GoogleRpc.ErrorInfo(reason: "JOB_LIMIT", domain: "jobs.example.com")])
  // end
}

func documentedReading(_ greeter: GreeterV1.GreeterClient) async throws {
  // snippet: GRPC/Errors
  do {
    _ = try await greeter.greet(GreeterV1.GreetRequest(name: "world"))
  } catch let error as RPCError {
    if let info = error.detail(GoogleRpc.ErrorInfo.self) { print(info.reason) }
  }
  // end
}

func documentedServerInterceptors(_ logger: Logger) -> Router {
  // snippet: GRPC/Interceptors
  var router = Router()
  router.intercept(with: LoggingInterceptor(logger))
  router.intercept(with: MetricsInterceptor())
  router.add(Greeter())
  // end
  return router
}

func documentedClientInterceptors(_ client: GRPCClient) -> GreeterV1.GreeterClient {
  // snippet: GRPC/Interceptors
  let greeter = GreeterV1.GreeterClient(InterceptedChannel(client, [TracingInterceptor()]))
  // end
  return greeter
}

// snippet: GRPC/Interceptors
/// Lets handlers know the tenant, and not the key that told it.
struct Tenants: ServerInterceptor {
  let tenants: [String: String]

  func intercept(_ context: ServerContext, _ next: ServerInterception) async throws {
    var metadata = context.metadata
    guard let tenant = metadata["api-key"].flatMap({ tenants[$0] }) else {
      throw RPCError(.unauthenticated, "the 'api-key' is not one of ours")
    }
    metadata.removeAll(named: "api-key")
    metadata.removeAll(named: "tenant")
    try metadata.add("tenant", tenant)
    context.setMetadata(metadata)
    _ = await next()
  }
}
// end

func documentedTimeout(
  _ greeter: GreeterV1.GreeterClient, _ request: GreeterV1.GreetRequest
) async throws -> GreeterV1.GreetResponse {
  // snippet: GRPC/Retries
  let response = try await greeter.greet(request, options: CallOptions(timeout: .seconds(2)))
  // end
  return response
}

func documentedPolicy() -> ClientConfiguration {
  // snippet: GRPC/Retries
  var configuration = ClientConfiguration()
  configuration.retries.methods["/greeter.v1.Greeter/Greet"] = RetryPolicy(maximumAttempts: 4)
  // end
  return configuration
}

struct BusyGreeter: GreeterV1.GreeterServer {
  let hasRoom: Bool

  // snippet: GRPC/Retries
  func greet(
    _ request: GreeterV1.GreetRequest, context: ServerContext
  ) async throws -> GreeterV1.GreetResponse {
    guard hasRoom else {
      context.setRetryPushback(.after(.seconds(2)))
      throw RPCError(.unavailable, "too many guests")
    }
    return GreeterV1.GreetResponse(text: "Hello, \(request.name)!")
  }
  // end
}
