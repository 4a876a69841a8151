import GRPC
import Testing

@testable import GRPC

@Suite("Authentication")
struct AuthenticationTests {
  private func world(exempting: Set<String> = []) -> World {
    World { router in
      router.unary(Methods.unary) { (_: Text, context) -> Text in
        Text(context.identity(as: Int.self).map { "user \($0)" } ?? "nobody")
      }
      router.intercept(
        with: AuthenticationInterceptor<Int>(exempting: exempting) { (token, _) in
          switch token {
          case "seven": 7
          case "denied": throw RPCError(.permissionDenied, "not here")
          case "trouble": throw SecretTrouble()
          default: nil
          }
        })
    }
  }

  private func answer(_ world: World, _ values: [String]) throws -> Work<Text> {
    var options = CallOptions()
    for value in values { try options.metadata.add("authorization", value) }
    let given = options
    let work = world.start { try await $0.unary(Methods.unary, Text("a"), options: given) as Text }
    world.settle()
    return work
  }

  @Test("a handler finds who calls")
  func identity() throws {
    #expect(try answer(world(), ["Bearer seven"]).value() == "user 7")
    #expect(try answer(world(), ["bearer  seven"]).value() == "user 7")
  }

  @Test(
    "who shows nothing, too much or something else is UNAUTHENTICATED",
    arguments: [
      [], ["seven"], ["Basic seven"], ["Bearer"], ["Bearer other"], ["Bearer se ven"],
      ["Bearer seven", "Bearer seven"], ["Bearer ="], ["Bearer trouble"],
    ])
  func refused(values: [String]) throws {
    let error = try answer(world(), values).error
    #expect(error?.code == .unauthenticated)
    #expect(error?.message.contains("hunter2") == false)
  }

  @Test("a verifier says PERMISSION_DENIED by itself")
  func denied() throws {
    #expect(try answer(world(), ["Bearer denied"]).error == RPCError(.permissionDenied, "not here"))
  }

  @Test("services may be open to all, and nobody is known there")
  func exempt() throws {
    #expect(try answer(world(exempting: ["test.v1.Echo"]), []).value() == "nobody")
  }

  @Test("a token is of RFC 6750's alphabet, with padding at its end only")
  func tokens() {
    #expect(BearerToken.read("Bearer aZ0-._~+/==") == "aZ0-._~+/==")
    #expect(BearerToken.read("Bearer a=b") == nil)
    #expect(BearerToken.read("Bearer a,b") == nil)
    #expect(BearerToken.read("Bearertoken") == nil)
  }
}
