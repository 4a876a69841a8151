import Testing

@testable import GRPCTransport

@Suite("A certificate's names")
struct ServerNameTests {
  @Test(
    "stand for the same name, in any case and with or without the root's dot",
    arguments: [
      ("a.example", "a.example"), ("A.Example", "a.eXample"), ("a.example.", "a.example"),
      ("localhost", "localhost"),
    ])
  func same(name: String, certificateName: String) {
    #expect(ServerName.matches(name, certificateName))
  }

  @Test("with a star stand for exactly one label in its place")
  func star() {
    #expect(ServerName.matches("a.example.org", "*.example.org"))
    #expect(!ServerName.matches("a.b.example.org", "*.example.org"))
    #expect(!ServerName.matches("example.org", "*.example.org"))
    #expect(!ServerName.matches(".example.org", "*.example.org"))
    #expect(!ServerName.matches("ab.example.org", "a*.example.org"))
    #expect(!ServerName.matches("a.example.org", "a.*.org"))
  }

  @Test(
    "stand for no other name",
    arguments: [
      ("a.example", "b.example"), ("a.example", "a.example.org"), ("a.example", "example"),
      ("a.example", "a.example\0.org"), ("a.example", "*"), ("a.example", ""), ("", ""), ("", "."),
    ])
  func other(name: String, certificateName: String) {
    #expect(!ServerName.matches(name, certificateName))
  }
}
