import GRPC
import GRPCTransport

struct Greeter: GreeterV1.GreeterServer {
  func greet(
    _ request: GreeterV1.GreetRequest, context: ServerContext
  ) async throws -> GreeterV1.GreetResponse {
    guard !request.name.isEmpty else { throw RPCError(.invalidArgument, "the name is empty") }
    return GreeterV1.GreetResponse(text: "Hello, \(request.name)!")
  }
}

func greeting() async throws -> String {
  var router = Router()
  router.add(Greeter())
  let server = try await GRPCServer.start(router, on: .tcp(host: "127.0.0.1", port: 0))

  let client = GRPCClient(server.endpoint)
  let greeter = GreeterV1.GreeterClient(client)
  let response = try await greeter.greet(
    GreeterV1.GreetRequest(name: "world"), options: CallOptions(timeout: .seconds(5)))

  await client.close()
  await server.shutdown(within: .seconds(10))
  return response.text
}
