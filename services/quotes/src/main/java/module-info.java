/** A module, so that jlink puts the service and the few JDK modules it needs into one small runtime. */
module harbour.quotes {
    requires java.net.http;
    requires jdk.httpserver;
}
